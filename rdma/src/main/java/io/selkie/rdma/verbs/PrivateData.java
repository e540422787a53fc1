package io.selkie.rdma.verbs;

import java.nio.ByteBuffer;

/**
 * Private data of a connection as it is on the wire.
 *
 * <p>iWARP says how long it is. InfiniBand and RoCE pad it with zeros to the length of their
 * message, so there ours has a length in front:
 *
 * <pre>
 *    0        1
 *    +--------+---------------- ... ------+----- ... -----+
 *    | length | private data              | zeros         |
 *    +--------+---------------- ... ------+----- ... -----+
 * </pre>
 *
 * <p>Of the 92 octets of a request the connection manager takes 36 itself, one is the length: 55
 * are left. An answer has 195, a refusal 147.
 */
final class PrivateData {

  private static final int IB_REQUEST_MAX = 55;
  private static final int IB_REFUSAL_MAX = 147;
  // librdmacm takes an octet for the length, into which software iWARP counts four of its own.
  private static final int IWARP_MAX = 251;

  private PrivateData() {}

  /** What a request and its answer can carry. */
  static int bytesMax(boolean iwarp) {
    return iwarp ? IWARP_MAX : IB_REQUEST_MAX;
  }

  /** As it goes on the wire. */
  static byte[] wrap(boolean iwarp, ByteBuffer data) {
    ByteBuffer from = data.duplicate();
    if (iwarp) {
      byte[] plain = new byte[from.remaining()];
      from.get(plain);
      return plain;
    }
    byte[] framed = new byte[1 + from.remaining()];
    framed[0] = (byte) from.remaining();
    from.get(framed, 1, framed.length - 1);
    return framed;
  }

  /** A refusal's, cut to what one can carry: it ends in words for a person. */
  static byte[] wrapRefusal(boolean iwarp, ByteBuffer data) {
    ByteBuffer cut = data.duplicate();
    cut.limit(cut.position() + Math.min(cut.remaining(), iwarp ? IWARP_MAX : IB_REFUSAL_MAX));
    return wrap(iwarp, cut);
  }

  /** From the wire, read only; all of it when it does not start with a length that fits. */
  static ByteBuffer unwrap(boolean iwarp, ByteBuffer wire) {
    ByteBuffer from = wire.asReadOnlyBuffer();
    if (iwarp || !from.hasRemaining()) {
      return from;
    }
    int length = Byte.toUnsignedInt(from.get(from.position()));
    return length < from.remaining() ? from.slice(from.position() + 1, length) : from;
  }
}
