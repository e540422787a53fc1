package io.selkie.test.bench;

import io.selkie.config.time.NanoClock;
import org.HdrHistogram.Histogram;

/** Takes times. */
final class Meter {

  private final NanoClock clock;

  Meter(NanoClock clock) {
    this.clock = clock;
  }

  /** Something to do many times. */
  @FunctionalInterface
  interface Action {
    /** Once. */
    void run() throws Exception;
  }

  /** Each of so many runs, one after the other, in nanoseconds. */
  Histogram latencies(int count, Action action) throws Exception {
    Histogram histogram = Latency.histogram();
    long before = clock.nanoTime();
    for (int i = 0; i < count; i++) {
      action.run();
      long after = clock.nanoTime();
      Latency.record(histogram, after - before);
      before = after;
    }
    return histogram;
  }

  /** Nanoseconds that one run takes. */
  long nanos(Action action) throws Exception {
    long before = clock.nanoTime();
    action.run();
    return clock.nanoTime() - before;
  }
}
