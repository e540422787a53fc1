package io.selkie.client.session;

import io.selkie.client.ClientTimeoutException;
import io.selkie.config.time.NanoClock;

/**
 * When an operation must have ended. Immutable.
 *
 * @param clock the clock it is measured with
 * @param atNanos the end, in the clock's time
 */
public record Deadline(NanoClock clock, long atNanos) {

  /** So many milliseconds from now. */
  public static Deadline in(NanoClock clock, long millis) {
    return new Deadline(clock, clock.nanoTime() + millis * 1_000_000);
  }

  /** Nanoseconds left; 0 or less when it is over. */
  public long leftNanos() {
    return atNanos - clock.nanoTime();
  }

  /** Whether it is over. */
  public boolean isOver() {
    return leftNanos() <= 0;
  }

  /**
   * Throws when it is over.
   *
   * @param what the operation, and what stood in the way
   */
  public void check(String what, Throwable cause) throws ClientTimeoutException {
    if (isOver()) {
      throw new ClientTimeoutException(what + ": no success in time", cause);
    }
  }
}
