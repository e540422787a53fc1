package io.selkie.server.ops;

import io.selkie.protocol.nfs4.Verifier4;
import java.util.concurrent.atomic.AtomicLong;

/**
 * writeverf (RFC 8881 section 18.32): tells clients whether what they wrote without asking for
 * durability may have been lost. It changes with every start of the server and whenever making
 * something durable failed, because the kernel forgets what it could not write. Safe for use by
 * several threads.
 */
public final class WriteVerifier {

  private final AtomicLong bits;

  /**
   * Begins.
   *
   * @param bootEpoch differs from that of every earlier start
   */
  public WriteVerifier(int bootEpoch) {
    bits = new AtomicLong((long) bootEpoch << 32);
  }

  /** As it is now. */
  Verifier4 now() {
    return new Verifier4(bits.get());
  }

  /** Something may have been lost: clients write again whatever they have not seen committed. */
  public void change() {
    bits.incrementAndGet();
  }
}
