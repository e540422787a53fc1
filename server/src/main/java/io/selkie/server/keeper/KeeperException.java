package io.selkie.server.keeper;

import java.io.IOException;

/** Leases cannot be kept for after a kill; block layouts go on without (S5 does not hold). */
public final class KeeperException extends IOException {
  private static final long serialVersionUID = 1L;

  private final Reason reason;

  /** Classes of it. */
  public enum Reason {
    /** The service manager keeps no descriptors for this unit. */
    NOT_OFFERED,
    /** The process that is to keep them could not be started. */
    NOT_STARTED,
    /** It ended, or its socket is gone. */
    GONE,
    /** It has as many as it may have. */
    FULL,
    /** It did not take one in time. */
    BUSY
  }

  /**
   * Names the failure.
   *
   * @param message what was tried, on what, what to do
   */
  public KeeperException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /** Its class. */
  public Reason reason() {
    return reason;
  }
}
