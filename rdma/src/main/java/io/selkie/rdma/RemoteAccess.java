package io.selkie.rdma;

/** What a peer may do with a region. */
public enum RemoteAccess {
  /** The peer may read by RDMA READ. */
  READ,
  /** The peer may write by RDMA WRITE. */
  WRITE
}
