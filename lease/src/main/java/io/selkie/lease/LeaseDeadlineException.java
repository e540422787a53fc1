package io.selkie.lease;

import java.time.Duration;

/** The configured recall does not fit into the kernel's lease-break-time (S4): do not start. */
public final class LeaseDeadlineException extends Exception {
  private static final long serialVersionUID = 1L;

  private final Duration leaseBreakTime;
  private final Duration recallTimeoutMax;
  private final long leaseBreakTimeSecondsMin;

  LeaseDeadlineException(
      Duration leaseBreakTime, Duration recallTimeout, Duration fenceBudget, Duration margin) {
    super(message(leaseBreakTime, recallTimeout, fenceBudget, margin));
    this.leaseBreakTime = leaseBreakTime;
    this.recallTimeoutMax = recallTimeoutMax(leaseBreakTime, fenceBudget, margin);
    this.leaseBreakTimeSecondsMin = secondsMin(recallTimeout, fenceBudget, margin);
  }

  /** What the kernel has. */
  public Duration leaseBreakTime() {
    return leaseBreakTime;
  }

  /** The longest recall timeout that would fit; zero or negative when none does. */
  public Duration recallTimeoutMax() {
    return recallTimeoutMax;
  }

  /** The smallest value of fs.lease-break-time that would do, in seconds. */
  public long leaseBreakTimeSecondsMin() {
    return leaseBreakTimeSecondsMin;
  }

  private static Duration recallTimeoutMax(
      Duration leaseBreakTime, Duration fenceBudget, Duration margin) {
    return leaseBreakTime.minus(fenceBudget).minus(margin);
  }

  private static long secondsMin(Duration recallTimeout, Duration fenceBudget, Duration margin) {
    return recallTimeout.plus(fenceBudget).plus(margin).plusNanos(999_999_999).toSeconds();
  }

  private static String message(
      Duration leaseBreakTime, Duration recallTimeout, Duration fenceBudget, Duration margin) {
    Duration longest = recallTimeoutMax(leaseBreakTime, fenceBudget, margin);
    String shorter =
        longest.isPositive() ? "set the recall timeout to at most " + text(longest) + ", or " : "";
    return "the recall timeout ("
        + text(recallTimeout)
        + "), the fence budget ("
        + text(fenceBudget)
        + ") and a margin ("
        + text(margin)
        + ") do not fit into fs.lease-break-time ("
        + text(leaseBreakTime)
        + "): the kernel would take a lease while clients still have access; "
        + shorter
        + "run: sysctl -w fs.lease-break-time="
        + secondsMin(recallTimeout, fenceBudget, margin);
  }

  private static String text(Duration duration) {
    return duration.toMillis() % 1000 == 0
        ? duration.toSeconds() + " s"
        : duration.toMillis() + " ms";
  }
}
