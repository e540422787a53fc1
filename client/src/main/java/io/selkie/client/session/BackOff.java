package io.selkie.client.session;

import io.selkie.config.time.Timers;
import java.io.InterruptedIOException;
import java.util.concurrent.CountDownLatch;
import java.util.random.RandomGenerator;

/**
 * Growing pauses between tries, from half a millisecond to 200 milliseconds, each shortened by
 * chance so that clients do not march in step. Pauses end by an injected timer. One operation's;
 * not thread-safe.
 */
public final class BackOff {
  private static final long FIRST_NANOS = 500_000;
  private static final long LAST_NANOS = 200_000_000;

  private final Timers timers;
  private final RandomGenerator random;
  private final Deadline deadline;
  private long nextNanos = FIRST_NANOS;
  private int tries;

  /**
   * Starts with the shortest pause.
   *
   * @param deadline no pause goes beyond it
   */
  public BackOff(Timers timers, RandomGenerator random, Deadline deadline) {
    this.timers = timers;
    this.random = random;
    this.deadline = deadline;
  }

  /** How many pauses there were. */
  public int tries() {
    return tries;
  }

  /**
   * Pauses.
   *
   * @param what the operation and what it waits for, for the exception at the deadline
   */
  public void pause(String what) throws java.io.IOException {
    deadline.check(what, null);
    long nanos = nextNanos - (long) (random.nextDouble() * nextNanos / 4);
    nextNanos = Math.min(nextNanos * 2, LAST_NANOS);
    tries++;
    pauseFor(Math.min(nanos, Math.max(1, deadline.leftNanos())));
  }

  private void pauseFor(long nanos) throws InterruptedIOException {
    CountDownLatch over = new CountDownLatch(1);
    Timers.Timer timer = timers.schedule(nanos, over::countDown);
    try {
      over.await();
    } catch (InterruptedException e) {
      timer.cancel();
      Thread.currentThread().interrupt();
      InterruptedIOException interrupted = new InterruptedIOException("interrupted in a pause");
      interrupted.initCause(e);
      throw interrupted;
    }
  }
}
