package io.selkie.protocol.layout.rdma;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * Private data of a queue pair's set-up, point 2 and 4 of our profile of the RDMA layout. It names
 * the session that the queue pair belongs to, or says why there is none:
 *
 * <pre>
 *   request   | 'R' 'L' 'Q' '1' | flags (4): bit 1 client spins | sessionid4 (16) |
 *   accept    | 'R' 'L' 'Q' '1' | flags (4): bit 0 FLUSH      |
 *   refusal   | 'R' 'L' 'Q' '1' | reason (4) | a line of text |
 * </pre>
 */
public final class BindingData {

  /** The first four bytes. */
  public static final int MAGIC = 'R' << 24 | 'L' << 16 | 'Q' << 8 | '1';

  /** In an accept's flags: RDMA FLUSH is offered. */
  public static final int FLAG_FLUSH = 1;

  /** In a request's flags: the client spins while it waits, so the server may too. A hint. */
  public static final int FLAG_SPINS = 2;

  private static final int REQUEST_BYTES = 4 + 4 + SessionId4.BYTES;
  private static final int TEXT_BYTES_MAX = 200;

  private BindingData() {}

  /** Why a queue pair is refused; the number stands in the refusal. */
  public enum Refusal {
    /** The private data is not what it should be. */
    BAD_REQUEST(1),
    /** There is no such session. */
    UNKNOWN_SESSION(2),
    /** The client has as many queue pairs as it may, or all clients together have. */
    LIMIT(3),
    /** The server stops. */
    STOPPING(4);

    private final int code;

    Refusal(int code) {
      this.code = code;
    }

    /** The number on the wire. */
    public int code() {
      return code;
    }
  }

  /**
   * A request.
   *
   * @param session the one that the queue pair is bound to
   * @param spins whether the sender spins while it waits
   */
  public static ByteBuffer request(SessionId4 session, boolean spins) {
    ByteBuffer data = ByteBuffer.allocate(REQUEST_BYTES);
    XdrWriter out = new XdrWriter(data);
    out.int32(MAGIC);
    out.int32(spins ? FLAG_SPINS : 0);
    session.encode(out);
    return data.flip();
  }

  /** The session that a request names; empty when it is no such request. */
  public static Optional<SessionId4> session(ByteBuffer request) {
    ByteBuffer in = request.duplicate().order(ByteOrder.BIG_ENDIAN);
    // What a later version may add behind is not ours to refuse.
    if (in.remaining() < REQUEST_BYTES || in.getInt() != MAGIC) {
      return Optional.empty();
    }
    in.getInt();
    long high = in.getLong();
    return Optional.of(new SessionId4(high, in.getLong()));
  }

  /** Whether a request that names a session says that its sender spins. */
  public static boolean peerSpins(ByteBuffer request) {
    return (request.duplicate().order(ByteOrder.BIG_ENDIAN).getInt(request.position() + 4)
            & FLAG_SPINS)
        != 0;
  }

  /**
   * An accept.
   *
   * @param flags 0, or {@link #FLAG_FLUSH}
   */
  public static ByteBuffer accept(int flags) {
    return ByteBuffer.allocate(8).putInt(MAGIC).putInt(flags).flip();
  }

  /** Whether an accept says that RDMA FLUSH is offered; false of what is no accept. */
  public static boolean offersFlush(ByteBuffer accept) {
    ByteBuffer in = accept.duplicate().order(ByteOrder.BIG_ENDIAN);
    return in.remaining() >= 8 && in.getInt() == MAGIC && (in.getInt() & FLAG_FLUSH) != 0;
  }

  /**
   * A refusal.
   *
   * @param text a line for people; cut at {@value #TEXT_BYTES_MAX} bytes
   */
  public static ByteBuffer refuse(Refusal reason, String text) {
    byte[] line = text.getBytes(UTF_8);
    int length = Math.min(line.length, TEXT_BYTES_MAX);
    return ByteBuffer.allocate(8 + length)
        .putInt(MAGIC)
        .putInt(reason.code)
        .put(line, 0, length)
        .flip();
  }
}
