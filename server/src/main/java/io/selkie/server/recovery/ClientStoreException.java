package io.selkie.server.recovery;

import java.io.IOException;

/**
 * The store of client records cannot be read or written. While that lasts no client gets its first
 * state (NFS4ERR_DELAY), no grace period ends and nothing of an expired client is given to others,
 * because after a restart nobody could tell who held what; all else goes on. The store tries again
 * by itself.
 */
public final class ClientStoreException extends IOException {

  private static final long serialVersionUID = 1;

  ClientStoreException(String what, Throwable cause) {
    super(what, cause);
  }
}
