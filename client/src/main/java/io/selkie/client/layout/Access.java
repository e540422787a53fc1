package io.selkie.client.layout;

import io.selkie.client.FallbackReason;

/** Whether direct access is possible now. */
public sealed interface Access {

  /** It is: look at the view again. */
  record Ready() implements Access {}

  /** It is not. */
  record Denied(FallbackReason reason, String detail) implements Access {}
}
