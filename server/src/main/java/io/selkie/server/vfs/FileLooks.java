package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.posix.AccessModes;
import io.selkie.posix.AtFlags;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.server.vfs.PassthroughFileSystem.AccessResult;
import io.selkie.server.vfs.PassthroughFileSystem.LinkTarget;
import java.util.Arrays;

/** What a user may do with a file, and where a link leads. Safe for use by several threads. */
final class FileLooks {
  /** Acts as the user of the request. */
  private final Kernel kernel;

  private final Resolver resolver;

  FileLooks(Kernel kernel, Resolver resolver) {
    this.kernel = kernel;
    this.resolver = resolver;
  }

  /** ACCESS for the user. */
  AccessResult access(VfsFile file, int asked) {
    if (file.isPseudoRoot()) {
      int supported = asked & AccessBits.DIRECTORY;
      return new AccessResult(NFS4_OK, supported, supported & AccessBits.READING);
    }
    int fd = resolver.open(file);
    if (fd < 0) {
      return new AccessResult(NfsErrors.of(fd), 0, 0);
    }
    try {
      FileStatus status = new FileStatus();
      int result = stat(fd, status);
      if (result < 0) {
        return new AccessResult(NfsErrors.of(result), 0, 0);
      }
      int supported = asked & (status.isDirectory() ? AccessBits.DIRECTORY : AccessBits.OTHER);
      if (status.isDirectory() || status.isRegular()) {
        supported |= asked & AccessBits.XATTRS;
      }
      int allowed = 0;
      int reading = AccessBits.READ | AccessBits.XATTR_READ | AccessBits.XATTR_LIST;
      if (may(fd, supported, reading, AccessModes.READ)) {
        allowed |= reading;
      }
      if (!file.exportOrNull().readOnly()
          && may(fd, supported, AccessBits.WRITING, AccessModes.WRITE)) {
        allowed |= AccessBits.WRITING;
      }
      if (may(fd, supported, AccessBits.LOOKUP | AccessBits.EXECUTE, AccessModes.EXECUTE)) {
        allowed |= AccessBits.LOOKUP | AccessBits.EXECUTE;
      }
      return new AccessResult(NFS4_OK, supported, supported & allowed);
    } finally {
      kernel.close(fd);
    }
  }

  private boolean may(int fd, int asked, int bits, int mode) {
    return (asked & bits) != 0 && kernel.faccess(fd, mode) >= 0;
  }

  /** READLINK: the target as it is stored, not interpreted. */
  LinkTarget readLink(VfsFile file) {
    if (file.isPseudoRoot()) {
      return new LinkTarget(NFS4ERR_WRONG_TYPE, null);
    }
    int fd = resolver.open(file);
    if (fd < 0) {
      return new LinkTarget(NfsErrors.of(fd), null);
    }
    try {
      byte[] target = new byte[Names.PATH_MAX_BYTES + 1];
      int length = kernel.readlinkat(fd, Names.empty(), target);
      if (length < 0) {
        // On anything but a symbolic link the kernel says EINVAL or, without a name, ENOENT.
        FileStatus status = new FileStatus();
        boolean link = stat(fd, status) >= 0 && status.isSymbolicLink();
        return new LinkTarget(link ? NfsErrors.of(length) : NFS4ERR_WRONG_TYPE, null);
      }
      return new LinkTarget(NFS4_OK, Arrays.copyOf(target, length));
    } finally {
      kernel.close(fd);
    }
  }

  private int stat(int fd, FileStatus out) {
    return kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, out);
  }
}
