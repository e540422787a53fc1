package io.selkie.server.seal;

import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealTarget;
import io.selkie.lease.Sealer.Refusal;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.posix.AtFlags;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/** A file of this machine that is open once, to be sealed. Safe for use by several threads. */
final class LocalFile implements SealTarget, AutoCloseable {

  private final Kernel kernel;
  private final Path path;
  private final int fd;
  private final FileIdentity identity;
  private final boolean writable;
  private final AtomicInteger references = new AtomicInteger(1);

  private LocalFile(Kernel kernel, Path path, int fd, FileIdentity identity, boolean writable) {
    this.kernel = kernel;
    this.path = path;
    this.fd = fd;
    this.identity = identity;
    this.writable = writable;
  }

  /** Answer to {@link #open}. */
  sealed interface Opening {
    /** It is open; to be closed. */
    record Opened(LocalFile file) implements Opening {}

    /** It cannot be sealed. */
    record Refused(Refusal refusal) implements Opening {}
  }

  /** Opens; waits neither for a FIFO's other end nor for another's lease. */
  static Opening open(Kernel kernel, Path path, boolean writable) {
    byte[] name = Names.bytes(path.toString());
    FileStatus status = new FileStatus();
    int result = kernel.statx(Kernel.AT_FDCWD, name, 0, FileStatus.MASK_BASIC, status);
    if (result >= 0 && !status.isRegular()) {
      return refused(Reason.NOT_REGULAR, path + " is not a regular file; only those are sealed");
    }
    long access = writable ? OpenFlags.RDWR : OpenFlags.RDONLY;
    int fd = result;
    if (fd >= 0) {
      fd =
          kernel.openat2(
              Kernel.AT_FDCWD, name, access | OpenFlags.NONBLOCK | OpenFlags.CLOEXEC, 0, 0);
    }
    if (fd < 0) {
      return refused(path, fd);
    }
    result = kernel.statx(fd, new byte[0], AtFlags.EMPTY_PATH, FileStatus.MASK_BASIC, status);
    if (result < 0) {
      kernel.close(fd);
      return refused(path, result);
    }
    FileIdentity identity = new FileIdentity(status.device(), status.inode(), 0);
    return new Opening.Opened(new LocalFile(kernel, path, fd, identity, writable));
  }

  private static Opening refused(Path path, int result) {
    return switch (Errno.of(result)) {
      case EAGAIN ->
          refused(
              Reason.IN_USE,
              path + " is leased by another process, which was asked for it now; try again");
      case EACCES, EPERM, EROFS ->
          refused(
              Reason.NOT_PERMITTED,
              "opening " + path + ": " + Errno.describe(result) + "; run this as its owner");
      default ->
          refused(
              Reason.SYSTEM,
              "opening " + path + ": " + Errno.describe(result) + "; name a file that is there");
    };
  }

  private static Opening refused(Reason reason, String message) {
    return new Opening.Refused(new Refusal(reason, message));
  }

  Path path() {
    return path;
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
    return path.toString();
  }

  @Override
  public void retain() {
    if (references.getAndIncrement() <= 0) {
      throw new IllegalStateException(path + " was closed already");
    }
  }

  @Override
  public void release() {
    if (references.decrementAndGet() == 0) {
      kernel.close(fd);
    }
  }

  @Override
  public void close() {
    release();
  }
}
