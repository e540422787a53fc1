package io.selkie.lease;

/**
 * The one open file description that the server has of an inode. The seal needs nothing else of it.
 * A second description of our own would break our own lease, hence there is one per inode.
 */
public interface SealTarget {

  /** The inode. */
  FileIdentity identity();

  /** The descriptor; valid while retained. */
  int fd();

  /** Whether the description was opened for writing (O_RDWR). */
  boolean writable();

  /** Path below its export, for people. */
  String describe();

  /** Keeps the description open; pairs with {@link #release}. */
  void retain();

  /** Gives it back; the last release closes the descriptor. */
  void release();

  /**
   * The same for who may not wait for the file's disk: where it is the last release, the descriptor
   * is closed a little later, on a thread of that disk's own.
   */
  default void releaseElsewhere() {
    release();
  }
}
