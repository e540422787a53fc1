package io.selkie.server.vfs;

import io.selkie.lease.FileIdentity;
import io.selkie.posix.Kernel;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Extended attributes of files and directories, by names with their namespace. Through the one open
 * description where there is one, else through an O_PATH descriptor: neither follows a symbolic
 * link nor breaks a lease. The kernel decides what the user of the request may do.
 *
 * <p>Results are those of {@link Kernel}: zero or more, or {@code -errno}. Safe for use by several
 * threads.
 */
public final class FileXattrs {

  private final Kernel kernel;
  private final Resolver resolver;
  private final OpenFileTable openFiles;

  FileXattrs(Kernel kernel, Resolver resolver, OpenFileTable openFiles) {
    this.kernel = kernel;
    this.resolver = resolver;
    this.openFiles = openFiles;
  }

  /**
   * The value of an attribute.
   *
   * @param into native memory; of zero bytes only the size is answered
   * @return the size in bytes
   */
  public long get(VfsFile file, byte[] name, MemorySegment into) {
    return with(file, fd -> kernel.getXattr(fd, name, into));
  }

  /**
   * Sets an attribute. The caller has seen to it that the export may be written.
   *
   * @param value native memory
   * @param flags of {@link io.selkie.posix.XattrFlags}
   */
  public long set(VfsFile file, byte[] name, MemorySegment value, int flags) {
    return with(file, fd -> kernel.setXattr(fd, name, value, flags));
  }

  /**
   * All names, a zero byte behind each.
   *
   * @param into native memory; of zero bytes only the size is answered
   * @return the size in bytes
   */
  public long list(VfsFile file, MemorySegment into) {
    return with(file, fd -> kernel.listXattr(fd, into));
  }

  /** Takes an attribute away. The caller has seen to it that the export may be written. */
  public long remove(VfsFile file, byte[] name) {
    return with(file, fd -> kernel.removeXattr(fd, name));
  }

  private interface OnDescriptor {
    long apply(int fd);
  }

  private long with(VfsFile file, OnDescriptor action) {
    FileIdentity identity = file.identity();
    Optional<OpenFile> open = openFiles.find(identity);
    if (open.isPresent()) {
      try {
        return action.apply(open.get().fd());
      } finally {
        open.get().release();
      }
    }
    int fd = resolver.open(file);
    if (fd < 0) {
      return fd;
    }
    try {
      return action.apply(fd);
    } finally {
      kernel.close(fd);
    }
  }
}
