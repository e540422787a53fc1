package io.selkie.layout;

import io.selkie.lease.FileIdentity;

/**
 * What happens, as it happens: metrics, the timeline and logs hang on this. Called outside any
 * lock; must not block. Times are {@code NanoClock} nanoseconds.
 */
public interface LayoutEvents {

  /** Key of a recall's number in the context (MDC) of log lines that are written on its behalf. */
  String RECALL_CONTEXT = "recall";

  /** One step. */
  enum Step {
    /** A seal is held: verified for a layout, or for a delegation to be. SEAL_RELEASED ends it. */
    SEALED,
    /** Handles were registered. */
    REGISTERED,
    /** A layout went out. */
    GRANTED,
    /** The kernel's break, an audit difference or another cause was seen. */
    BREAK_SEEN,
    /** CB_LAYOUTRECALL was handed to the back channel. */
    RECALL_SENT,
    /** The client answered the callback. */
    RECALL_ANSWERED,
    /** LAYOUTRETURN arrived. */
    LAYOUT_RETURNED,
    /** The deadline passed, or the holder may not be waited for: fencing begins. */
    FENCE_BEGUN,
    /** The last access through the handles is over; they are dead (S3). */
    HANDLE_INVALIDATED,
    /**
     * An alarm: a handle could not be invalidated, not even by force (S3). It counts as alive, so
     * its seal is kept.
     */
    INVALIDATION_FAILED,
    /** The kernel lease was given up: once for each SEALED. */
    SEAL_RELEASED,
    /** The auditor found a difference. */
    AUDIT_DIFFERENCE,
    /** A request was refused. */
    REFUSED,
    /** A delegation went out. */
    DELEGATED,
    /** CB_RECALL was handed to the back channel. */
    DELEGATION_RECALLED,
    /** A delegation came back. */
    DELEGATION_RETURNED,
    /** A delegation was taken by force. */
    DELEGATION_REVOKED
  }

  /**
   * One event.
   *
   * @param recallId 0 when it belongs to no recall
   * @param clientId 0 when it belongs to no client
   * @param cause null when it belongs to no recall
   */
  record Event(
      long atNanos,
      Step step,
      long recallId,
      FileIdentity file,
      String path,
      long clientId,
      RecallCause cause,
      long bytes,
      String detail) {}

  /** Takes one. */
  void on(Event event);
}
