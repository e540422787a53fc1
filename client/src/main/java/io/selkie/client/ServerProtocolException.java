package io.selkie.client;

import java.io.IOException;

/**
 * The server sent something that the protocol does not allow. The connection it came on is closed
 * when the stream cannot be trusted any more; other servers are not affected.
 */
public final class ServerProtocolException extends IOException {
  private static final long serialVersionUID = 1L;

  /** What was expected, what came, on what. */
  public ServerProtocolException(String message) {
    super(message);
  }

  /** With the decoder's complaint. */
  public ServerProtocolException(String message, Throwable cause) {
    super(message, cause);
  }
}
