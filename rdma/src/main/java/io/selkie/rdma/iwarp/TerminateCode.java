package io.selkie.rdma.iwarp;

import io.selkie.rdma.WorkStatus;

/**
 * The errors a Terminate message names: layer, error type and code of RFC 5040 section 4.8 (figure
 * 9), RFC 5041 section 7.2, RFC 5044 section 8 and RFC 6581 section 8.
 */
enum TerminateCode {
  LOCAL_CATASTROPHIC(0x0, 0x0, 0x00, "RDMAP local catastrophic error"),
  RDMAP_INVALID_STAG(0x0, 0x1, 0x00, "RDMAP remote protection error: invalid STag"),
  RDMAP_BOUNDS(0x0, 0x1, 0x01, "RDMAP remote protection error: base or bounds violation"),
  RDMAP_ACCESS_RIGHTS(0x0, 0x1, 0x02, "RDMAP remote protection error: access rights violation"),
  RDMAP_STAG_NOT_ASSOCIATED(
      0x0, 0x1, 0x03, "RDMAP remote protection error: STag not associated with the stream"),
  RDMAP_TO_WRAP(0x0, 0x1, 0x04, "RDMAP remote protection error: tagged offset wraps"),
  RDMAP_CANNOT_INVALIDATE(
      0x0, 0x1, 0x09, "RDMAP remote protection error: STag cannot be invalidated"),
  RDMAP_PROTECTION_UNSPECIFIED(0x0, 0x1, 0xFF, "RDMAP remote protection error, unspecified"),
  RDMAP_INVALID_VERSION(0x0, 0x2, 0x05, "RDMAP remote operation error: invalid RDMAP version"),
  RDMAP_UNEXPECTED_OPCODE(0x0, 0x2, 0x06, "RDMAP remote operation error: unexpected opcode"),
  RDMAP_STREAM_CATASTROPHIC(
      0x0, 0x2, 0x07, "RDMAP remote operation error: catastrophic, localized to the stream"),
  RDMAP_GLOBAL_CATASTROPHIC(0x0, 0x2, 0x08, "RDMAP remote operation error: catastrophic, global"),
  RDMAP_OPERATION_CANNOT_INVALIDATE(
      0x0, 0x2, 0x09, "RDMAP remote operation error: STag cannot be invalidated"),
  RDMAP_OPERATION_UNSPECIFIED(0x0, 0x2, 0xFF, "RDMAP remote operation error, unspecified"),
  DDP_LOCAL_CATASTROPHIC(0x1, 0x0, 0x00, "DDP local catastrophic error"),
  DDP_TAGGED_INVALID_STAG(0x1, 0x1, 0x00, "DDP tagged buffer error: invalid STag"),
  DDP_TAGGED_BOUNDS(0x1, 0x1, 0x01, "DDP tagged buffer error: base or bounds violation"),
  DDP_TAGGED_STAG_NOT_ASSOCIATED(
      0x1, 0x1, 0x02, "DDP tagged buffer error: STag not associated with the stream"),
  DDP_TAGGED_TO_WRAP(0x1, 0x1, 0x03, "DDP tagged buffer error: tagged offset wraps"),
  DDP_TAGGED_VERSION(0x1, 0x1, 0x04, "DDP tagged buffer error: invalid DDP version"),
  DDP_INVALID_QN(0x1, 0x2, 0x01, "DDP untagged buffer error: invalid queue number"),
  DDP_NO_BUFFER(0x1, 0x2, 0x02, "DDP untagged buffer error: invalid MSN, no buffer available"),
  DDP_INVALID_MSN(0x1, 0x2, 0x03, "DDP untagged buffer error: invalid MSN, out of range"),
  DDP_INVALID_MO(0x1, 0x2, 0x04, "DDP untagged buffer error: invalid message offset"),
  DDP_TOO_LONG(0x1, 0x2, 0x05, "DDP untagged buffer error: message too long for the buffer"),
  DDP_UNTAGGED_VERSION(0x1, 0x2, 0x06, "DDP untagged buffer error: invalid DDP version"),
  MPA_CLOSED(0x2, 0x0, 0x01, "MPA: TCP connection closed, terminated or lost"),
  MPA_CRC(0x2, 0x0, 0x02, "MPA: CRC error"),
  MPA_FRAMING(0x2, 0x0, 0x03, "MPA: marker and ULPDU length do not agree"),
  MPA_INVALID_FRAME(0x2, 0x0, 0x04, "MPA: invalid request or reply frame"),
  MPA_LOCAL_CATASTROPHIC(0x2, 0x0, 0x05, "MPA: local catastrophic error"),
  MPA_INSUFFICIENT_IRD(0x2, 0x0, 0x06, "MPA: insufficient IRD resources"),
  MPA_NO_MATCHING_RTR(0x2, 0x0, 0x07, "MPA: no matching ready-to-receive option");

  static final int LAYER_RDMAP = 0;
  static final int LAYER_DDP = 1;
  static final int LAYER_LLP = 2;

  private static final TerminateCode[] VALUES = values();

  private final int layer;
  private final int type;
  private final int code;
  private final String text;

  TerminateCode(int layer, int type, int code, String text) {
    this.layer = layer;
    this.type = type;
    this.code = code;
    this.text = text;
  }

  int layer() {
    return layer;
  }

  int type() {
    return type;
  }

  int code() {
    return code;
  }

  /** The first 16 bits of the Terminate header: layer, error type, error code. */
  int control() {
    return layer << 12 | type << 8 | code;
  }

  /** One line for a person, with the numbers as the RFCs print them. */
  String text() {
    return "%s (layer %d, type %d, code 0x%02x)".formatted(text, layer, type, code);
  }

  /** Whether the DDP segment length and header go with it: figure 10 of RFC 5040. */
  boolean includesDdpHeader() {
    return layer == LAYER_DDP || (layer == LAYER_RDMAP && type != 0);
  }

  /** Whether the header of a Read Request goes with it when it was one that met the error. */
  boolean includesRdmapHeader() {
    return layer == LAYER_RDMAP && type == 1;
  }

  /** What the request that met this error completes with. */
  WorkStatus status() {
    boolean access = (layer == LAYER_RDMAP && type == 1) || (layer == LAYER_DDP && type == 1);
    return access && this != DDP_TAGGED_VERSION
        ? WorkStatus.REMOTE_ACCESS_ERROR
        : WorkStatus.PROTOCOL_ERROR;
  }

  /** The one with these numbers, or null when no RFC we know defines them. */
  static TerminateCode of(int control) {
    int wanted = control & 0xFFFF;
    for (TerminateCode value : VALUES) {
      if (value.control() == wanted) {
        return value;
      }
    }
    // A local catastrophic error has no code: any value in its place is acceptable.
    return wanted >> 8 == 0 ? LOCAL_CATASTROPHIC : null;
  }
}
