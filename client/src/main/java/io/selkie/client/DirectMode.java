package io.selkie.client;

/** Whether file data travels by one-sided RDMA. */
public enum DirectMode {
  /**
   * Only one-sided. Where that is not possible the operation fails with {@link
   * DirectUnavailableException}, which says why; no byte goes through NFS READ or WRITE.
   */
  REQUIRE,
  /** One-sided where the server grants it, through NFS READ and WRITE elsewhere; counted. */
  PREFER,
  /** Always through NFS READ and WRITE; no layout is ever asked for. */
  NEVER
}
