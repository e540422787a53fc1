package io.selkie.test.support;

import io.selkie.lease.LeaseDeadlines;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.SystemFacts;
import java.io.IOException;

/**
 * The longest recall that this machine's lease-break-time allows: for tests of clients that answer,
 * who shall be in time even where everything is slow.
 */
public final class LongRecall {

  private static final int FENCE_MILLIS = 500;
  private static final int MOST_MILLIS = 60_000;

  private LongRecall() {}

  /** In milliseconds, beside a fence budget of half a second. */
  public static int millis() throws IOException {
    int seconds = SystemFacts.of(new LinuxKernel()).leaseBreakSeconds();
    if (seconds <= 0) {
      return MOST_MILLIS;
    }
    long margin = LeaseDeadlines.MARGIN.toMillis();
    return (int) Math.min(MOST_MILLIS, seconds * 1000L - margin - FENCE_MILLIS);
  }

  /** The section {@code layout} of a configuration. */
  public static String config() throws IOException {
    return """
    layout:
      recallTimeoutMillis: %d
      fenceBudgetMillis: %d
    """
        .formatted(millis(), FENCE_MILLIS);
  }
}
