package io.selkie.rdma.verbs;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;

/**
 * Work that many threads ask for and one at a time does, without a lock held meanwhile. Who comes
 * while another works goes away at once; what he came for is done all the same.
 *
 * <p>Safe for any number of threads, and when the work asks for itself.
 */
final class OneAtATime {

  private final BooleanSupplier step;
  private final BooleanSupplier hasMore;
  private final AtomicBoolean busy = new AtomicBoolean();

  /**
   * @param step does one piece; whether there was one
   * @param hasMore whether there is a piece to do; true only where {@code step} would do one, or
   *     make it so that there is none
   */
  OneAtATime(BooleanSupplier step, BooleanSupplier hasMore) {
    this.step = step;
    this.hasMore = hasMore;
  }

  /** Does all there is to do, or leaves it to the one who is at it. */
  void run() {
    do {
      if (!busy.compareAndSet(false, true)) {
        return;
      }
      try {
        while (step.getAsBoolean()) {
          // One piece after the other.
        }
      } finally {
        busy.set(false);
      }
      // Who came after the last look and before this thread let go relies on it.
    } while (hasMore.getAsBoolean());
  }
}
