package io.selkie.layout;

/** What is about to be done to a file, and so what has to be recalled before it. */
public enum FileChange {
  /** The file will end where the range begins: truncation. What lies behind it is lost. */
  SHRINK,
  /** Blocks of the range will be freed or zeroed, and the size stays: punching. */
  PUNCH,
  /** Blocks of the range will be replaced by such that another range has: target of a reflink. */
  REMAP,
  /**
   * Blocks of the range will be shared with another range; no byte changes: source of a reflink.
   */
  SHARE,
  /** Blocks of the range will be written through the server: holes may be filled. */
  WRITE,
  /** Mode, owner or ACL: the holders are fenced before it is committed. */
  ACCESS_CHANGE,
  /** An open whose share reservation denies what a holder does. */
  CONFLICTING_OPEN,
  /** A read through the server without an open, or by another's leave: write delegations go. */
  READ,
  /**
   * A read through the server of a file whose device clients reach past its page cache: layouts for
   * writing go first, and with them write delegations of others.
   */
  READ_STORED,
  /** An open for reading: write delegations of others go. */
  OPEN_READ,
  /** An open for writing: all delegations of others go, layouts stay. */
  OPEN_WRITE,
  /** Names, times and other attributes: all delegations of others go, layouts stay. */
  METADATA,
  /** The open file description must be opened anew with other rights: the seal must go. */
  REOPEN;

  /** Whether no byte changes: then of all delegations only those to write are in its way. */
  boolean isRead() {
    return this == READ || this == READ_STORED || this == OPEN_READ || this == SHARE;
  }

  /** Whether the file may end elsewhere after it. */
  boolean mayMoveEnd() {
    return this == WRITE || this == SHRINK || this == REMAP;
  }

  /** Whether it changes bytes, blocks or size of the file, or lets others share its blocks. */
  boolean concernsBlocks() {
    return mayMoveEnd() || this == PUNCH || this == SHARE;
  }

  /** Whether layouts are never in its way, only delegations. */
  boolean concernsDelegationsOnly() {
    return this == READ || this == OPEN_READ || this == OPEN_WRITE || this == METADATA;
  }
}
