package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How long rounds of something take, to compare what others see while somebody is in the way with
 * what they saw before. The slowest in a hundred do not count: the machine may stall.
 */
final class Latencies {

  static final int ROUNDS = 400;

  /**
   * On a machine that is busy fewer rounds have to do: a recall that is held open meanwhile is open
   * for no longer than the kernel lets a lease be, and the machine may stall besides.
   */
  private static final long ALL_ROUNDS_NANOS = TimeUnit.SECONDS.toNanos(10);

  private static final Logger LOG = LoggerFactory.getLogger(Latencies.class);
  private static final long LEAST_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final int FACTOR = 20;

  private Latencies() {}

  /** What is timed. */
  @FunctionalInterface
  interface Round {
    void run() throws Exception;
  }

  /** The 99th percentile of some rounds, in nanoseconds. */
  static long p99Nanos(Round round) throws Exception {
    long[] nanos = new long[ROUNDS];
    long begun = System.nanoTime();
    int made = 0;
    while (made < ROUNDS && System.nanoTime() - begun < ALL_ROUNDS_NANOS) {
      long start = System.nanoTime();
      round.run();
      nanos[made] = System.nanoTime() - start;
      made++;
    }
    Arrays.sort(nanos, 0, made);
    return nanos[Math.max(0, made * 99 / 100 - 1)];
  }

  /** At most twenty times as long as before, or a second where that is more. */
  static void assertBounded(String what, long beforeNanos, long nowNanos) {
    LOG.info(
        "{}: 99th percentile {} us, before {} us",
        what,
        TimeUnit.NANOSECONDS.toMicros(nowNanos),
        TimeUnit.NANOSECONDS.toMicros(beforeNanos));
    assertThat(nowNanos)
        .as("%s: nanoseconds at the 99th percentile", what)
        .isLessThanOrEqualTo(Math.max(FACTOR * beforeNanos, LEAST_NANOS));
  }
}
