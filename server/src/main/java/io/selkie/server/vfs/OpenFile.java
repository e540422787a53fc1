package io.selkie.server.vfs;

import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealTarget;

/**
 * The one open file description that the server has of an inode. Its descriptor's number stays the
 * same for its whole life, also over {@link OpenFileTable#upgrade}.
 *
 * <p>Safe for use by several threads. Whoever retains it may use the descriptor until the matching
 * release.
 */
public final class OpenFile implements SealTarget {
  private final OpenFileTable table;
  private final FileIdentity identity;
  private final int exportId;
  private final int fd;
  private final String description;
  private volatile boolean writable;

  /** Guarded by the table's lock for this inode. */
  private int references = 1;

  /** Set with that lock; read without it by who only guesses. */
  private volatile boolean closing;

  OpenFile(OpenFileTable table, VfsFile file, int fd, String description, boolean writable) {
    this.table = table;
    this.identity = file.identity();
    this.exportId = file.handle().exportId();
    this.fd = fd;
    this.description = description;
    this.writable = writable;
  }

  @Override
  public FileIdentity identity() {
    return identity;
  }

  @Override
  public int fd() {
    return fd;
  }

  @Override
  public boolean writable() {
    return writable;
  }

  @Override
  public String describe() {
    return description;
  }

  @Override
  public void retain() {
    table.retain(this);
  }

  @Override
  public void release() {
    table.release(this);
  }

  @Override
  public void releaseElsewhere() {
    table.releaseElsewhere(this);
  }

  /** The export that it was first opened in; the same inode may be in others. */
  int exportId() {
    return exportId;
  }

  void setWritable() {
    writable = true;
  }

  /** Once it is so, it cannot be had again. */
  boolean isClosing() {
    return closing;
  }

  void setClosing() {
    closing = true;
  }

  int references() {
    return references;
  }

  void addReference() {
    references = Math.incrementExact(references);
  }

  int dropReference() {
    return --references;
  }

  @Override
  public String toString() {
    return description + (writable ? " (read-write)" : " (read-only)");
  }
}
