package io.selkie.lease;

import io.selkie.posix.AtFlags;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/** A file that is open through the real kernel. */
final class RealTarget implements SealTarget, AutoCloseable {
  private final Kernel kernel;
  private final Path path;
  private final int fd;
  private final boolean writable;
  private final FileIdentity identity;
  private final AtomicInteger references = new AtomicInteger(1);

  RealTarget(Kernel kernel, Path path, boolean writable) {
    this.kernel = kernel;
    this.path = path;
    this.writable = writable;
    fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(path.toString()),
            (writable ? OpenFlags.RDWR : OpenFlags.RDONLY) | OpenFlags.CLOEXEC,
            0,
            0);
    if (fd < 0) {
      throw new AssertionError("open " + path + ": " + fd);
    }
    var status = new FileStatus();
    kernel.statx(fd, new byte[0], AtFlags.EMPTY_PATH, FileStatus.MASK_BASIC, status);
    identity = new FileIdentity(status.device(), status.inode(), 0);
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
    return String.valueOf(path.getFileName());
  }

  @Override
  public void retain() {
    if (references.getAndIncrement() <= 0) {
      throw new IllegalStateException("retained after the last release");
    }
  }

  @Override
  public void release() {
    int left = references.decrementAndGet();
    if (left < 0) {
      throw new IllegalStateException("released too often");
    }
    if (left == 0) {
      kernel.close(fd);
    }
  }

  /** Who keeps it open, this test included. */
  int references() {
    return references.get();
  }

  @Override
  public void close() {
    release();
  }
}
