package io.selkie.client.layout;

import io.selkie.client.FallbackReason;

/** A layout cannot be had or used; inside the library a value, thrown to unwind. */
final class LayoutRefusedException extends Exception {
  private static final long serialVersionUID = 1L;

  private final FallbackReason reason;

  LayoutRefusedException(FallbackReason reason, String detail) {
    super(detail, null, false, false);
    this.reason = reason;
  }

  FallbackReason reason() {
    return reason;
  }
}
