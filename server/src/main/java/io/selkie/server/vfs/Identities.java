package io.selkie.server.vfs;

import io.selkie.lease.FileIdentity;
import io.selkie.posix.FileHandleBytes;
import io.selkie.posix.FileStatus;

/** Inodes told apart, also over a reuse of their numbers. */
final class Identities {
  private Identities() {}

  /**
   * The identity of a file.
   *
   * <p>The kernel's handle of an inode holds its generation wherever the file system has one, so a
   * digest of it serves as generation; without handles the creation time does, to the nanosecond.
   *
   * @param handle null when the file system gives none
   */
  static FileIdentity of(FileStatus status, FileHandleBytes handle) {
    return new FileIdentity(status.device(), status.inode(), generation(status, handle));
  }

  private static long generation(FileStatus status, FileHandleBytes handle) {
    if (handle != null) {
      return handle.digest();
    }
    return status.hasBirthTime() ? (status.btimeSec() << 30) | status.btimeNsec() : 0;
  }
}
