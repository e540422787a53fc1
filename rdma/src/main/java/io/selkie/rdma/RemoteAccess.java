package io.selkie.rdma;

/** What a peer may do with a region. */
public enum RemoteAccess {
  /** The peer may read by RDMA READ. */
  READ,
  /** The peer may write by RDMA WRITE. */
  WRITE,
  /**
   * The peer may make durable what it wrote, by RDMA FLUSH. For memory that is storage; only where
   * {@link RdmaProvider#hasFlush}.
   */
  FLUSH
}
