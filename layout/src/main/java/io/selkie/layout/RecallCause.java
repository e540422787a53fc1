package io.selkie.layout;

/** Why layouts are taken back; a label of metrics and events. */
public enum RecallCause {
  /** Another process wants the file. */
  KERNEL_LEASE_BREAK,
  /** Truncation through NFS. */
  TRUNCATE,
  /** Punching through NFS: what lies around the hole, and the size, stay. */
  PUNCH,
  /** A clone or copy through NFS makes blocks shared, or puts shared ones in their place. */
  REMAP,
  /** A write through NFS, or another client's write layout, fills a hole that somebody holds. */
  HOLE_FILL,
  /** Mode, owner or ACL changed through NFS. */
  ACCESS_CHANGE,
  /** A conflicting open. */
  CONFLICTING_OPEN,
  /** Another client reads, writes, renames … a file of which delegations are held. */
  CONFLICTING_ACCESS,
  /** The description must be reopened. */
  REOPEN,
  /** The auditor found a different block map. */
  AUDIT_DIFFERENCE,
  /** Blocks that were granted cannot be read any more. */
  MEDIA_ERROR,
  /** The client's lease ran out. */
  CLIENT_EXPIRED,
  /** The client said that it is gone, or came back as a new incarnation. */
  CLIENT_DESTROYED,
  /** The file system must shrink or the administrator wants it. */
  ADMINISTRATIVE,
  /** The file system is frozen, became read-only, shut down or lost its device. */
  STORAGE,
  /** The server stops. */
  SERVER_STOP
}
