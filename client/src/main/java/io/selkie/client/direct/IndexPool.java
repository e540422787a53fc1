package io.selkie.client.direct;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Hands out the numbers 0 to n - 1, each to one holder at a time. Lock-free and free of allocation
 * as long as there is a number left. Safe for use by several threads.
 */
final class IndexPool {
  /** What {@link #tryTake} answers when none is left. */
  static final int NONE = -1;

  private final AtomicLong free;
  private final Semaphore left;

  /**
   * All numbers are free.
   *
   * @param count how many, 1 to 64
   */
  IndexPool(int count) {
    if (count < 1 || count > Long.SIZE) {
      throw new IllegalArgumentException("pool of " + count);
    }
    free = new AtomicLong(count == Long.SIZE ? -1L : (1L << count) - 1);
    left = new Semaphore(count);
  }

  /** A number, or {@link #NONE}. */
  int tryTake() {
    return left.tryAcquire() ? take() : NONE;
  }

  /** A number, or {@link #NONE} when none came back in time. */
  int take(long timeoutNanos) throws InterruptedException {
    return left.tryAcquire(timeoutNanos, TimeUnit.NANOSECONDS) ? take() : NONE;
  }

  /** Gives a number back. */
  void give(int index) {
    long bit = 1L << index;
    long before = free.get();
    // No lambda: one that captures is an object for each call, where no compiler takes it away.
    while (!free.compareAndSet(before, before | bit)) {
      before = free.get();
    }
    if ((before & bit) != 0) {
      throw new IllegalStateException("index " + index + " given back twice");
    }
    left.release();
  }

  /** The permit guarantees that a bit is set; only which one is contended. */
  private int take() {
    while (true) {
      long mask = free.get();
      long bit = Long.lowestOneBit(mask);
      if (bit != 0 && free.compareAndSet(mask, mask & ~bit)) {
        return Long.numberOfTrailingZeros(bit);
      }
      Thread.onSpinWait();
    }
  }
}
