package io.selkie.lease;

/** How the block map is held still. */
public enum SealMode {
  /** {@code F_RDLCK}: other readers may open the file; only where nothing can reflink under it. */
  SHARED,
  /** {@code F_WRLCK}: nobody else has the file open. */
  EXCLUSIVE
}
