package io.selkie.lease;

import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.Refusal;

/**
 * What happens to seals, as it happens: metrics, timelines and logs hang on this; what is told here
 * is not logged by the seals themselves. Called outside any lock, on the thread where it happened
 * (a worker's, the lease signal thread, the auditor's); must not block and must not throw. Times
 * are {@code NanoClock} nanoseconds.
 */
public interface LeaseEvents {

  /** Listens to nothing. */
  LeaseEvents NONE = new LeaseEvents() {};

  /** What can go wrong with signals; each is dealt with, and worth a counter. */
  enum SignalAnomaly {
    /** A signal for a descriptor whose lease does not break: left over from an earlier lease. */
    STALE,
    /** The queue of real-time signals was full: all leases were asked instead. */
    QUEUE_OVERFLOW,
    /** A signal that no lease sent. */
    FOREIGN,
    /** Waiting for signals failed; all leases were asked, and it is tried again. */
    WAIT_FAILED,
    /** Waiting for signals keeps failing: breaks are no longer seen. Stop the server. */
    THREAD_DIED
  }

  /** An edge of the seal's state machine. */
  default void onTransition(SealTarget file, SealState from, SealState to, long atNanos) {}

  /** A seal must go; the listener of the seal is told right after this. */
  default void onBreak(SealTarget file, BreakCause cause, long seenAtNanos, long deadlineNanos) {}

  /** A file was not sealed, or a seal not extended. */
  default void onRefused(SealTarget file, Refusal refusal, long atNanos) {}

  /**
   * The kernel took a lease before it was given up. With live handles this is the one thing that
   * must never happen (S4).
   */
  default void onLost(SealTarget file, int liveHandles, long atNanos) {}

  /** A seal was audited. */
  default void onAudit(SealTarget file, AuditOutcome outcome, long atNanos) {}

  /** Something odd about signals. */
  default void onSignalAnomaly(SignalAnomaly anomaly, int fd, long atNanos) {}

  /** A seal's listener threw; the seal stays BREAKING. */
  default void onListenerFailure(SealTarget file, RuntimeException failure, long atNanos) {}
}
