package io.selkie.layout;

/** What is about to be done to a file, and so what has to be recalled before it. */
public enum FileChange {
  /** Blocks of the range will be freed or zeroed: truncation, punching. */
  SHRINK,
  /** Blocks of the range will be shared with another range or replaced by such: reflink. */
  REMAP,
  /** Blocks of the range will be written through the server: holes may be filled. */
  WRITE,
  /** Mode, owner or ACL: the holders are fenced before it is committed. */
  ACCESS_CHANGE,
  /** An open whose share reservation denies what a holder does. */
  CONFLICTING_OPEN,
  /** The open file description must be opened anew with other rights: the seal must go. */
  REOPEN
}
