package io.selkie.client;

import java.io.IOException;

/**
 * With {@link DirectMode#REQUIRE}: the operation could not be done one-sided. Nothing went through
 * NFS READ or WRITE. A write that failed this way may have taken effect in part; it may be repeated
 * safely, with the same data at the same position.
 */
public final class DirectUnavailableException extends IOException {
  private static final long serialVersionUID = 1L;

  private final FallbackReason reason;

  /**
   * Says why, for programs and for people.
   *
   * @param reason why, for programs
   * @param detail what was tried, on what, and what was answered
   */
  public DirectUnavailableException(FallbackReason reason, String detail) {
    super("no direct access: " + reason.text() + " (" + detail + ")");
    this.reason = reason;
  }

  /** Why. */
  public FallbackReason reason() {
    return reason;
  }
}
