package io.selkie.server.keeper;

import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealTarget;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.nio.file.Path;

/** A file that is open for writing through the real kernel. */
final class KeptFile implements SealTarget, AutoCloseable {

  static final Kernel KERNEL = new LinuxKernel();

  private final Path path;
  private final FileIdentity identity;
  private final int fd;

  KeptFile(Path path, FileIdentity identity) {
    this.path = path;
    this.identity = identity;
    this.fd = open(path, OpenFlags.RDWR);
    if (fd < 0) {
      throw new AssertionError("open " + path + ": " + fd);
    }
  }

  /** Opens a file; the descriptor, or {@code -errno}. */
  static int open(Path path, long flags) {
    return KERNEL.openat2(
        Kernel.AT_FDCWD, Names.bytes(path.toString()), flags | OpenFlags.CLOEXEC, 0, 0);
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
    return true;
  }

  @Override
  public String describe() {
    return String.valueOf(path.getFileName());
  }

  @Override
  public void retain() {}

  @Override
  public void release() {}

  @Override
  public void close() {
    KERNEL.close(fd);
  }
}
