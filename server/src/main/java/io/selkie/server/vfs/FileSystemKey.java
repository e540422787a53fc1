package io.selkie.server.vfs;

import io.selkie.lease.FileIdentity;
import io.selkie.posix.AtFlags;
import io.selkie.posix.FileHandleBytes;
import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.util.Optional;

/**
 * What a directory is, told apart from another one that is found under the same path later: its
 * file system and its inode there.
 *
 * @param type magic number of the file system
 * @param id as {@code statfs} tells it
 */
public record FileSystemKey(long type, long id, long inode, long generation) {
  private static final long EXT = 0xEF53;
  private static final long BTRFS = 0x9123683EL;

  /** Of a directory that is open. */
  static FileSystemKey of(Kernel kernel, int fd, FileIdentity directory) {
    FileSystemStatus status = new FileSystemStatus();
    boolean known = kernel.fstatfs(fd, status) >= 0;
    return new FileSystemKey(
        known ? status.type() : 0,
        known ? status.fileSystemId() : 0,
        directory.inode(),
        directory.generation());
  }

  /** Of what is found under a path now; empty when there is no directory. */
  public static Optional<FileSystemKey> at(Kernel kernel, String path) {
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(path),
            OpenFlags.PATH | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC,
            0,
            0);
    if (fd < 0) {
      return Optional.empty();
    }
    try {
      FileStatus status = new FileStatus();
      if (kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status) < 0) {
        return Optional.empty();
      }
      FileHandleBytes handle = new FileHandleBytes();
      boolean has = kernel.nameToHandle(fd, handle) >= 0;
      return Optional.of(of(kernel, fd, Identities.of(status, has ? handle : null)));
    } finally {
      kernel.close(fd);
    }
  }

  /**
   * What of it goes into the export's number: the same for as long as the file system exists, so
   * where its id is made of what lies on the disk; nothing where it is made of the device's number
   * (XFS), which may be another one after a restart of the machine.
   */
  long lastingId() {
    return type == EXT || type == BTRFS ? id : 0;
  }
}
