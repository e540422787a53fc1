package io.selkie.rdma;

/** How a work request ended. */
public enum WorkStatus {
  /** It took effect. */
  SUCCESS,
  /** The peer refused the key, the bounds, the right or the domain; nothing was placed there. */
  REMOTE_ACCESS_ERROR,
  /** The local buffer is not covered by a region of this domain; nothing was sent. */
  LOCAL_PROTECTION_ERROR,
  /** The peer broke the protocol, or said that we did. */
  PROTOCOL_ERROR,
  /** The connection was lost; whether the request took effect is unknown. */
  CONNECTION_LOST,
  /** A request before this one broke the queue pair; whether it took effect is unknown. */
  FLUSHED
}
