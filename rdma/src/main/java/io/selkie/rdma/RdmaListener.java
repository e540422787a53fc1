package io.selkie.rdma;

import java.net.InetSocketAddress;

/** A listening end point. */
public interface RdmaListener extends AutoCloseable {
  /** The bound address, with the port the system chose. */
  InetSocketAddress address();

  /** Stops listening; queue pairs accepted before stay up. Idempotent. */
  @Override
  void close();
}
