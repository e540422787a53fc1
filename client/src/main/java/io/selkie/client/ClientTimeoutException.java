package io.selkie.client;

import java.io.IOException;

/**
 * An operation did not end within its bound ({@link ClientOptions#operationTimeoutMillis}). Whether
 * the server carried it out is unknown unless the message says so.
 */
public final class ClientTimeoutException extends IOException {
  private static final long serialVersionUID = 1L;

  /** What was tried, on what, for how long, and what stood in the way. */
  public ClientTimeoutException(String message) {
    super(message);
  }

  /** With the last failure. */
  public ClientTimeoutException(String message, Throwable cause) {
    super(message, cause);
  }
}
