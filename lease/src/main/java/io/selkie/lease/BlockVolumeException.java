package io.selkie.lease;

import java.io.IOException;

/** A file system's device cannot be told to clients: what it is on, why not, and what to do. */
public final class BlockVolumeException extends IOException {
  private static final long serialVersionUID = 1L;

  /** One line. */
  BlockVolumeException(String message) {
    super(message);
  }
}
