package io.selkie.lease;

import java.time.Duration;
import java.util.Locale;

/**
 * The deadline rule (S4): the recall of all layouts, and the fence of those not returned, end
 * safely before the kernel takes the lease.
 *
 * <pre>
 * break        recall timeout        fence budget      margin     kernel takes the lease
 *   |-------------------------------|----------------|----------|
 *   0                          recallDeadline   fenceDeadline   kernelDeadline
 * </pre>
 *
 * <p>With {@code lease-break-time} 0 the kernel waits for ever: nothing is taken, the breaker waits
 * until the fence at the latest, and any timeout fits.
 *
 * @param leaseBreakTimeNanos {@code /proc/sys/fs/lease-break-time}; 0 when the kernel waits for
 *     ever
 * @param recallTimeoutNanos how long clients have to return layouts
 * @param fenceBudgetNanos how long fencing and giving up the seal may take after that
 * @param marginNanos what is kept free for a late signal and a busy machine
 */
public record LeaseDeadlines(
    long leaseBreakTimeNanos, long recallTimeoutNanos, long fenceBudgetNanos, long marginNanos) {

  /** The margin of {@link #of}. */
  public static final Duration MARGIN = Duration.ofSeconds(2);

  /** Checks the rule. */
  public LeaseDeadlines {
    if (leaseBreakTimeNanos < 0
        || recallTimeoutNanos < 0
        || fenceBudgetNanos < 0
        || marginNanos < 0) {
      throw new IllegalArgumentException("negative time");
    }
    long neededNanos =
        Math.addExact(Math.addExact(recallTimeoutNanos, fenceBudgetNanos), marginNanos);
    if (leaseBreakTimeNanos != 0 && neededNanos > leaseBreakTimeNanos) {
      throw new IllegalArgumentException(
          neededNanos + " ns do not fit into " + leaseBreakTimeNanos + " ns (S4)");
    }
  }

  /**
   * Applies the rule to what is configured and what the kernel says.
   *
   * @param leaseBreakTimeSeconds the kernel's number; 0 or less means that it waits for ever
   * @throws LeaseDeadlineException when they do not fit; it says what to change
   */
  public static LeaseDeadlines of(
      int leaseBreakTimeSeconds, Duration recallTimeout, Duration fenceBudget)
      throws LeaseDeadlineException {
    Duration needed = recallTimeout.plus(fenceBudget).plus(MARGIN);
    Duration kernel = Duration.ofSeconds(Math.max(0, leaseBreakTimeSeconds));
    if (!kernel.isZero() && needed.compareTo(kernel) > 0) {
      throw new LeaseDeadlineException(kernel, recallTimeout, fenceBudget, MARGIN);
    }
    return new LeaseDeadlines(
        kernel.toNanos(), recallTimeout.toNanos(), fenceBudget.toNanos(), MARGIN.toNanos());
  }

  /** Whether the kernel never takes a lease by itself. */
  public boolean kernelWaitsForEver() {
    return leaseBreakTimeNanos == 0;
  }

  /**
   * When handles have to be gone: the kernel takes the lease then, or would have had to wait too
   * long where it never does.
   */
  public long kernelDeadline(long breakSeenNanos) {
    return kernelWaitsForEver()
        ? fenceDeadline(breakSeenNanos)
        : breakSeenNanos + leaseBreakTimeNanos;
  }

  /** When fencing begins. */
  public long recallDeadline(long breakSeenNanos) {
    return breakSeenNanos + recallTimeoutNanos;
  }

  /** When fencing has to be over. */
  public long fenceDeadline(long breakSeenNanos) {
    return recallDeadline(breakSeenNanos) + fenceBudgetNanos;
  }

  /** One line for the log. */
  public String describe() {
    String kernel =
        kernelWaitsForEver() ? "the kernel waits for ever" : seconds(leaseBreakTimeNanos);
    return "recall "
        + seconds(recallTimeoutNanos)
        + " + fence "
        + seconds(fenceBudgetNanos)
        + " + margin "
        + seconds(marginNanos)
        + " inside lease-break-time: "
        + kernel;
  }

  private static String seconds(long nanos) {
    return String.format(Locale.ROOT, "%.3g s", nanos / 1e9);
  }
}
