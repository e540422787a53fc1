package io.selkie.rdma.iwarp;

/**
 * Sizes and field values of MPA frames, DDP segments and RDMAP messages.
 *
 * <pre>
 * FPDU, RFC 5044 section 4.1 (no markers):
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-------------------------------+-------------------------------+
 *    |         ULPDU length          |  DDP control  | RDMAP control |
 *    +-------------------------------+-------------------------------+
 *    |       rest of the DDP header, payload, pad (0 to 3 zeroes)    |
 *    +---------------------------------------------------------------+
 *    |  CRC32C of all before, its least significant octet first      |
 *    +---------------------------------------------------------------+
 *
 * DDP control, RFC 5041 section 4.1:     |T|L| Rsvd (4) |DV=1 (2)|
 * RDMAP control, RFC 5040 section 4.1:   |RV=1 (2)|Rsvd (2)|Opcode (4)|
 *
 * Tagged header, 14 octets:    controls (2), STag (4), TO (8)
 * Untagged header, 18 octets:  controls (2), Invalidate STag (4), QN (4), MSN (4), MO (4)
 * Read Request, 28 octets behind an untagged header, RFC 5040 section 4.4:
 *                              sink STag (4), sink TO (8), size (4), source STag (4), source TO (8)
 * </pre>
 */
final class Fpdu {

  static final int LENGTH_BYTES = 2;
  static final int CRC_BYTES = 4;
  static final int TAGGED_HEADER_BYTES = 14;
  static final int UNTAGGED_HEADER_BYTES = 18;
  static final int READ_REQUEST_BYTES = 28;

  /** Most an FPDU can take: 2 + 65,535 padded to a multiple of four, and the CRC. */
  static final int BYTES_MAX = bytes(0xFFFF);

  static final int MARKER_BYTES = 4;
  static final int MARKER_INTERVAL_BYTES = 512;

  // DDP control
  static final int TAGGED = 0x80;
  static final int LAST = 0x40;
  static final int DDP_VERSION = 1;
  static final int DDP_VERSION_MASK = 0x03;

  // RDMAP control
  static final int RDMAP_VERSION = 0x40;
  static final int RDMAP_VERSION_MASK = 0xC0;
  static final int OPCODE_MASK = 0x0F;

  // opcodes, RFC 5040 section 4.1, figure 4
  static final int WRITE = 0;
  static final int READ_REQUEST = 1;
  static final int READ_RESPONSE = 2;
  static final int SEND = 3;
  static final int SEND_INVALIDATE = 4;
  static final int SEND_SE = 5;
  static final int SEND_SE_INVALIDATE = 6;
  static final int TERMINATE = 7;

  // queue numbers of untagged messages
  static final int QN_SEND = 0;
  static final int QN_READ_REQUEST = 1;
  static final int QN_TERMINATE = 2;

  private Fpdu() {}

  /** Octets of the FPDU that carries a ULPDU of this length, without markers. */
  static int bytes(int ulpduBytes) {
    return padded(LENGTH_BYTES + ulpduBytes) + CRC_BYTES;
  }

  /** Rounded up to a multiple of four. */
  static int padded(int bytes) {
    return (bytes + 3) & ~3;
  }

  /** Most octets that so many octets of FPDUs can take with markers among them. */
  static int marked(int bytes) {
    int intervals = bytes / (MARKER_INTERVAL_BYTES - MARKER_BYTES) + 2;
    return bytes + MARKER_BYTES * intervals;
  }
}
