package io.selkie.rdma.iwarp;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * An MPA request or reply, RFC 5044 section 7.1.1 and RFC 6581 sections 6 and 9.
 *
 * <pre>
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +---------------------------------------------------------------+
 *  0 |                                                               |
 *    +       Key: "MPA ID Req Frame" or "MPA ID Rep Frame"           +
 *    |                        (16 octets)                            |
 *    +-+-+-+-+-------+---------------+-------------------------------+
 * 16 |M|C|R|S|  Res  |      Rev      |           PD_Length           |
 *    +-+-+-+-+-------+---------------+---+-+-------------------------+
 * 20 |A|B|          IRD              |C|D|          ORD              |  when S is set
 *    +-+-+---------------------------+-+-+---------------------------+
 * 24 |                private data of the consumer                   |
 *    +---------------------------------------------------------------+
 * </pre>
 *
 * @param reply whether it is a reply
 * @param markers M: the sender wants markers in what it receives
 * @param crc C: the sender wants CRCs
 * @param rejected R: the connection is refused (replies only)
 * @param revision MPA revision
 * @param enhanced what RFC 6581 adds, or null when S is not set
 * @param privateData the consumer's own, from its position to its limit; never consumed
 */
record MpaFrame(
    boolean reply,
    boolean markers,
    boolean crc,
    boolean rejected,
    int revision,
    Enhanced enhanced,
    ByteBuffer privateData) {

  /** Octets before the private data. */
  static final int HEADER_BYTES = 20;

  /** Most private data, what RFC 6581 puts in front of it included. */
  static final int PRIVATE_DATA_BYTES_MAX = 512;

  /** Octets of what RFC 6581 puts in front. */
  static final int ENHANCED_BYTES = 4;

  /** A read depth that says "not negotiated here". */
  static final int DEPTH_NOT_NEGOTIATED = 0x3FFF;

  private static final byte[] REQUEST_KEY = key("MPA ID Req Frame");
  private static final byte[] REPLY_KEY = key("MPA ID Rep Frame");

  private static final int M = 0x80;
  private static final int C = 0x40;
  private static final int R = 0x20;
  private static final int S = 0x10;
  private static final int A = 0x8000;
  private static final int B = 0x4000;

  /**
   * RFC 6581 section 9.
   *
   * @param peerToPeer A: the initiator sends a ready-to-receive FPDU first
   * @param rtrSend B: by a Send without payload
   * @param rtrWrite C: by an RDMA Write without payload
   * @param rtrRead D: by an RDMA Read without payload
   * @param inboundReads IRD
   * @param outboundReads ORD
   */
  record Enhanced(
      boolean peerToPeer,
      boolean rtrSend,
      boolean rtrWrite,
      boolean rtrRead,
      int inboundReads,
      int outboundReads) {

    private int encoded() {
      int high = (peerToPeer ? A : 0) | (rtrSend ? B : 0) | (inboundReads & 0x3FFF);
      int low = (rtrWrite ? A : 0) | (rtrRead ? B : 0) | (outboundReads & 0x3FFF);
      return high << 16 | low;
    }

    private static Enhanced decoded(int word) {
      int high = word >>> 16;
      boolean peerToPeer = (high & A) != 0;
      // B, C and D are to be ignored when A is not set: section 9.2.
      return new Enhanced(
          peerToPeer,
          peerToPeer && (high & B) != 0,
          peerToPeer && (word & A) != 0,
          peerToPeer && (word & B) != 0,
          high & 0x3FFF,
          word & 0x3FFF);
    }
  }

  /** A frame that breaks the rules; the message says which. */
  static final class BadFrameException extends Exception {
    private static final long serialVersionUID = 1L;

    BadFrameException(String message) {
      super(message, null, false, false);
    }
  }

  private static byte[] key(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** Most private data the consumer may give for a frame of this revision. */
  static int consumerBytesMax(boolean enhanced) {
    return PRIVATE_DATA_BYTES_MAX - (enhanced ? ENHANCED_BYTES : 0);
  }

  /** Octets of the encoded frame. */
  int encodedBytes() {
    return HEADER_BYTES + (enhanced == null ? 0 : ENHANCED_BYTES) + privateData.remaining();
  }

  /** Writes the frame at the buffer's position. */
  void encode(ByteBuffer out) {
    out.put(reply ? REPLY_KEY : REQUEST_KEY);
    out.put(
        (byte)
            ((markers ? M : 0) | (crc ? C : 0) | (rejected ? R : 0) | (enhanced == null ? 0 : S)));
    out.put((byte) revision);
    out.putShort((short) (encodedBytes() - HEADER_BYTES));
    if (enhanced != null) {
      out.putInt(enhanced.encoded());
    }
    out.put(privateData.duplicate());
  }

  /**
   * Reads a frame from {@code in}, position to limit, and moves the position behind it.
   *
   * @param reply whether a reply is due
   * @return null while octets are missing
   */
  static MpaFrame decode(ByteBuffer in, boolean reply) throws BadFrameException {
    int start = in.position();
    int available = in.remaining();
    byte[] expected = reply ? REPLY_KEY : REQUEST_KEY;
    int compared = Math.min(available, expected.length);
    for (int i = 0; i < compared; i++) {
      if (in.get(start + i) != expected[i]) {
        throw new BadFrameException(wrongKey(in, reply));
      }
    }
    if (available < HEADER_BYTES) {
      return null;
    }
    int flags = in.get(start + 16) & 0xFF;
    int revision = in.get(start + 17) & 0xFF;
    int length = in.getShort(start + 18) & 0xFFFF;
    if (revision < 1 || revision > 2) {
      throw new BadFrameException(
          "the peer speaks MPA revision " + revision + "; revisions 1 and 2 are known here");
    }
    if (length > PRIVATE_DATA_BYTES_MAX) {
      throw new BadFrameException(
          "the peer announces " + length + " octets of private data; 512 are allowed");
    }
    boolean hasEnhanced = revision >= 2 && (flags & S) != 0;
    if (hasEnhanced && length < ENHANCED_BYTES) {
      throw new BadFrameException(
          "the S bit is set, but the private data has only " + length + " octets");
    }
    if (available < HEADER_BYTES + length) {
      return null;
    }
    Enhanced enhanced = hasEnhanced ? Enhanced.decoded(in.getInt(start + HEADER_BYTES)) : null;
    int skipped = hasEnhanced ? ENHANCED_BYTES : 0;
    byte[] data = new byte[length - skipped];
    in.get(start + HEADER_BYTES + skipped, data);
    in.position(start + HEADER_BYTES + length);
    return new MpaFrame(
        reply,
        (flags & M) != 0,
        (flags & C) != 0,
        (flags & R) != 0,
        revision,
        enhanced,
        ByteBuffer.wrap(data).asReadOnlyBuffer());
  }

  private static String wrongKey(ByteBuffer in, boolean reply) {
    byte[] seen = new byte[Math.min(in.remaining(), REPLY_KEY.length)];
    in.get(in.position(), seen);
    if (Arrays.equals(seen, reply ? REQUEST_KEY : REPLY_KEY)) {
      return reply
          ? "the peer sent an MPA request too: both sides want to be the initiator"
          : "the peer sent an MPA reply where a request is due";
    }
    return "the peer did not start with \"%s\": it does not speak MPA"
        .formatted(new String(reply ? REPLY_KEY : REQUEST_KEY, StandardCharsets.US_ASCII));
  }
}
