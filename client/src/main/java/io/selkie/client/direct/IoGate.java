package io.selkie.client.direct;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts the direct I/O in flight under a file's layout, and keeps new I/O out while the layout is
 * being returned. Entering and leaving is one compare-and-set each.
 *
 * <pre>
 *   bit 63    bits 62..0
 *   +--------+-------------------+
 *   | closed | operations inside |
 *   +--------+-------------------+
 * </pre>
 */
public final class IoGate {
  private static final long CLOSED = Long.MIN_VALUE;

  private final AtomicLong state = new AtomicLong();
  private volatile CountDownLatch drained = new CountDownLatch(0);

  /** An open gate with nobody inside. */
  public IoGate() {}

  /** Goes in; false when the gate is closed. Each true needs one {@link #exit}. */
  public boolean enter() {
    while (true) {
      long now = state.get();
      if (now < 0) {
        return false;
      }
      if (state.compareAndSet(now, now + 1)) {
        return true;
      }
    }
  }

  /** Goes out. */
  public void exit() {
    long now = state.decrementAndGet();
    if (now == CLOSED) {
      drained.countDown();
    } else if (now == CLOSED - 1 || now == -1) {
      throw new IllegalStateException("exit without enter");
    }
  }

  /** Keeps new operations out. The gate must be open; one owner closes and opens it. */
  public void close() {
    drained = new CountDownLatch(1);
    long before = state.getAndUpdate(now -> now | CLOSED);
    if (before < 0) {
      throw new IllegalStateException("gate is closed already");
    }
    if (before == 0) {
      drained.countDown();
    }
  }

  /**
   * Waits until nobody is inside a closed gate.
   *
   * @return false when the time was over first
   */
  public boolean awaitDrained(long timeoutNanos) throws InterruptedException {
    return drained.await(timeoutNanos, TimeUnit.NANOSECONDS);
  }

  /** Lets operations in again; the gate must be closed and drained. */
  public void open() {
    if (!state.compareAndSet(CLOSED, 0)) {
      throw new IllegalStateException("gate is open, or not drained: " + state.get());
    }
  }

  /** Operations inside; for logs and assertions. */
  public long inside() {
    return state.get() & Long.MAX_VALUE;
  }
}
