package io.selkie.rdma.iwarp;

import java.nio.ByteBuffer;

/**
 * The Terminate header, RFC 5040 section 4.8.
 *
 * <pre>
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-------+-------+---------------+-+-+-+-------------------------+
 *    | Layer | EType |  error code   |M|D|R|        reserved         |
 *    +-------+-------+---------------+-+-+-+-------------------------+
 *    | DDP segment length (if M)     |                               |
 *    +-------------------------------+   terminated DDP header       |
 *    |   (if D; 14 octets when tagged, 18 when untagged)             |
 *    +---------------------------------------------------------------+
 *    |   terminated RDMAP header: the Read Request's 28 octets (if R)|
 *    +---------------------------------------------------------------+
 * </pre>
 */
final class TerminateMessage {

  /** Longest: control, segment length, untagged header, Read Request header. */
  static final int BYTES_MAX = 4 + 2 + Fpdu.UNTAGGED_HEADER_BYTES + Fpdu.READ_REQUEST_BYTES;

  private static final int M = 0x8000;
  private static final int D = 0x4000;
  private static final int R = 0x2000;

  // Where a sender has them that took each octet's fields from the wrong end.
  private static final int REVERSED_M = 0x0100;
  private static final int REVERSED_D = 0x0200;
  private static final int REVERSED_R = 0x0400;

  private final TerminateCode code;
  private final byte[] body;

  private TerminateMessage(TerminateCode code, byte[] body) {
    this.code = code;
    this.body = body;
  }

  /** One that is not about an incoming segment, or whose error carries no headers. */
  static TerminateMessage bare(TerminateCode code) {
    return new TerminateMessage(code, ByteBuffer.allocate(4).putInt(code.control() << 16).array());
  }

  /**
   * One about an incoming segment.
   *
   * @param in holds the segment
   * @param offset of its DDP header
   * @param ulpduBytes length of the segment as MPA handed it up
   */
  static TerminateMessage about(TerminateCode code, ByteBuffer in, int offset, int ulpduBytes) {
    boolean tagged = ulpduBytes > 0 && (in.get(offset) & Fpdu.TAGGED) != 0;
    int header = tagged ? Fpdu.TAGGED_HEADER_BYTES : Fpdu.UNTAGGED_HEADER_BYTES;
    if (!code.includesDdpHeader() || ulpduBytes < header) {
      return bare(code);
    }
    boolean read =
        code.includesRdmapHeader()
            && !tagged
            && (in.get(offset + 1) & Fpdu.OPCODE_MASK) == Fpdu.READ_REQUEST
            && ulpduBytes >= header + Fpdu.READ_REQUEST_BYTES;
    int copied = header + (read ? Fpdu.READ_REQUEST_BYTES : 0);
    byte[] body = new byte[6 + copied];
    in.get(offset, body, 6, copied);
    ByteBuffer.wrap(body)
        .putInt(code.control() << 16 | M | D | (read ? R : 0))
        .putShort((short) ulpduBytes);
    return new TerminateMessage(code, body);
  }

  /** One about the Read Request that is being answered, its header as far as it has come. */
  static TerminateMessage about(TerminateCode code, InboundReads reads) {
    ByteBuffer body = ByteBuffer.allocate(BYTES_MAX);
    body.putInt(code.control() << 16 | M | D | R)
        .putShort((short) (Fpdu.UNTAGGED_HEADER_BYTES + Fpdu.READ_REQUEST_BYTES))
        .put((byte) (Fpdu.LAST | Fpdu.DDP_VERSION))
        .put((byte) (Fpdu.RDMAP_VERSION | Fpdu.READ_REQUEST))
        .putInt(0)
        .putInt(Fpdu.QN_READ_REQUEST)
        .putInt(reads.sequenceNumber())
        .putInt(0)
        .putInt(reads.sinkKey())
        .putLong(reads.sinkOffset())
        .putInt((int) reads.bytesLeft())
        .putInt(reads.sourceKey())
        .putLong(reads.sourceOffset());
    return new TerminateMessage(code, body.array());
  }

  TerminateCode code() {
    return code;
  }

  /** The message as it stands behind the untagged DDP header. */
  byte[] body() {
    return body;
  }

  /**
   * What a peer told us.
   *
   * @param control the first 16 bits: layer, type and code
   * @param code what they mean, or null when no RFC we know says
   * @param tagged whether the header is one of a tagged segment; false without a header
   * @param hasHeader whether the header of the segment is there
   * @param key STag of a tagged segment
   * @param offset tagged offset of a tagged segment
   * @param queue QN of an untagged one
   * @param sequence MSN of an untagged one
   */
  record Received(
      int control,
      TerminateCode code,
      boolean tagged,
      boolean hasHeader,
      int key,
      long offset,
      int queue,
      int sequence) {

    String text() {
      return code != null
          ? code.text()
          : "an error no RFC defines (layer %d, type %d, code 0x%02x)"
              .formatted(control >> 12, control >> 8 & 0xF, control & 0xFF);
    }
  }

  /**
   * Reads one, as tolerant as can be: the stream is over anyway.
   *
   * <p>Linux' {@code siw}, on little-endian machines, fills each octet of the control field from
   * its least significant bit: layer and error type are exchanged, M, D and R stand where zeroes
   * are due. Those three bits give it away; without them, that the numbers mean something only that
   * way round.
   *
   * @param in holds the message
   * @param at its offset
   * @param length its octets
   */
  static Received decode(ByteBuffer in, int at, int length) {
    if (length < 4) {
      return new Received(0xFFFF, null, false, false, 0, 0, 0, 0);
    }
    int word = in.getInt(at);
    if (isReversed(word)) {
      word = reversed(word);
    }
    int control = word >>> 16;
    TerminateCode code = TerminateCode.of(control);
    int header = at + 6;
    int left = length - 6;
    if ((word & D) != 0 && left >= Fpdu.TAGGED_HEADER_BYTES) {
      if ((in.get(header) & Fpdu.TAGGED) != 0) {
        return new Received(
            control, code, true, true, in.getInt(header + 2), in.getLong(header + 6), 0, 0);
      }
      if (left >= Fpdu.UNTAGGED_HEADER_BYTES) {
        return new Received(
            control, code, false, true, 0, 0, in.getInt(header + 6), in.getInt(header + 10));
      }
    }
    return new Received(control, code, false, false, 0, 0, 0, 0);
  }

  private static boolean isReversed(int word) {
    if ((word & (M | D | R)) != 0) {
      return false;
    }
    return (word & (REVERSED_M | REVERSED_D | REVERSED_R)) != 0
        || (TerminateCode.of(word >>> 16) == null
            && TerminateCode.of(reversed(word) >>> 16) != null);
  }

  private static int reversed(int word) {
    int layer = word >>> 24 & 0xF;
    int type = word >>> 28;
    return (layer << 28)
        | (type << 24)
        | (word & 0x00FF_0000)
        | ((word & REVERSED_M) != 0 ? M : 0)
        | ((word & REVERSED_D) != 0 ? D : 0)
        | ((word & REVERSED_R) != 0 ? R : 0);
  }
}
