package io.selkie.server.rpc;

import java.net.SocketAddress;

/**
 * A connection as the layers above the transport see it: something with an identity that ends some
 * time, and that takes calls to the peer as well as from it. Safe for use by several threads.
 */
public interface RpcConnection {

  /** A number that no other connection of this process has; for logs and as an identity. */
  long id();

  /** The peer, as far as the socket knows. */
  SocketAddress remoteAddress();

  /** Whether the connection can still carry messages; it may be gone the moment after. */
  boolean isOpen();

  /**
   * Runs something once when the connection is gone, at once if it is already. Runs on the
   * connection's event loop and must not block.
   */
  void onClose(Runnable action);

  /** Closes the connection; calls in flight end as lost. Idempotent. */
  void close(String reason);
}
