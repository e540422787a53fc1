package io.selkie.client.session;

import java.io.IOException;

/** The connection ended before the reply came; whether the call was carried out is unknown. */
public final class ConnectionLostException extends IOException {
  private static final long serialVersionUID = 1L;

  /** To whom, and why. */
  public ConnectionLostException(String message, Throwable cause) {
    super(message, cause);
  }
}
