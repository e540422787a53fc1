package io.selkie.lease.doctor;

import io.selkie.lease.FileProbes;
import io.selkie.lease.Probe;
import io.selkie.posix.AtFlags;
import io.selkie.posix.Errno;
import io.selkie.posix.FallocateModes;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.LeaseType;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.util.HexFormat;
import java.util.random.RandomGenerator;

/**
 * A file without a name, made in a directory to try things on and gone when it is closed. Nothing
 * that was there before is opened, so no seal of a running server is broken.
 */
final class Trial implements AutoCloseable {

  /** {@code O_TMPFILE}: the flag itself, which always goes with O_DIRECTORY. */
  private static final long NAMELESS = 0x400000 | OpenFlags.DIRECTORY;

  private static final long TRIAL_BYTES = 64 * 1024;
  private static final int PRIVATE_FILE = 0600;

  private final Kernel kernel;
  private final FileProbes probes;
  private final int fd;

  private Trial(Kernel kernel, FileProbes probes, int fd) {
    this.kernel = kernel;
    this.probes = probes;
    this.fd = fd;
  }

  /** Answer to {@link #in}. */
  sealed interface Start {
    /** There is a file. */
    record Ready(Trial trial) implements Start {}

    /**
     * None could be made.
     *
     * @param result {@code -errno}
     */
    record Failed(int result) implements Start {}
  }

  /** Makes one in a directory. */
  static Start in(Kernel kernel, FileProbes probes, String directory, RandomGenerator random) {
    long access = OpenFlags.RDWR | OpenFlags.CLOEXEC;
    int fd =
        kernel.openat2(Kernel.AT_FDCWD, Names.bytes(directory), access | NAMELESS, PRIVATE_FILE, 0);
    if (Errno.EOPNOTSUPP.is(fd) || Errno.EISDIR.is(fd) || Errno.EINVAL.is(fd)) {
      fd = named(kernel, directory, access, random);
    }
    return fd < 0 ? new Start.Failed(fd) : new Start.Ready(new Trial(kernel, probes, fd));
  }

  /** Where there are no nameless files: one whose name is taken away at once. */
  private static int named(Kernel kernel, String directory, long access, RandomGenerator random) {
    String name = ".selkie-doctor-" + HexFormat.of().toHexDigits(random.nextLong());
    byte[] path = Names.bytes(directory + "/" + name);
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD, path, access | OpenFlags.CREAT | OpenFlags.EXCL, PRIVATE_FILE, 0);
    if (fd >= 0) {
      kernel.unlinkat(Kernel.AT_FDCWD, path, 0);
    }
    return fd;
  }

  /** Open until {@link #close}. */
  int fd() {
    return fd;
  }

  Probe blockMap() {
    return probes.blockMap(fd);
  }

  Probe dax() {
    return probes.dax(fd);
  }

  Probe mapSync() {
    return probes.mapSync(fd, true);
  }

  Probe reflink() {
    var status = new FileStatus();
    int result = kernel.statx(fd, new byte[0], AtFlags.EMPTY_PATH, FileStatus.MASK_BASIC, status);
    return result < 0
        ? new Probe(Probe.Answer.UNKNOWN, "statx: " + Errno.describe(result))
        : probes.reflink(fd, status.device(), true);
  }

  Probe allocation() {
    int result = kernel.ftruncate(fd, TRIAL_BYTES);
    if (result >= 0) {
      result = kernel.fallocate(fd, FallocateModes.KEEP_SIZE, 0, TRIAL_BYTES);
    }
    if (result >= 0) {
      return new Probe(Probe.Answer.YES, "fallocate took " + TRIAL_BYTES + " bytes");
    }
    return Errno.EOPNOTSUPP.is(result)
        ? new Probe(Probe.Answer.NO, "the file system has no fallocate")
        : new Probe(Probe.Answer.UNKNOWN, "fallocate: " + Errno.describe(result));
  }

  /** Takes an exclusive lease and gives it up. Nobody can break it: the file has no name. */
  Probe lease() {
    int result = kernel.setLease(fd, LeaseType.WRITE);
    if (result >= 0) {
      kernel.setLease(fd, LeaseType.NONE);
      return new Probe(Probe.Answer.YES, "F_SETLEASE gave an exclusive lease");
    }
    return Errno.EINVAL.is(result) || Errno.EOPNOTSUPP.is(result)
        ? new Probe(
            Probe.Answer.NO, "the file system has no leases (" + Errno.describe(result) + ")")
        : new Probe(Probe.Answer.UNKNOWN, "F_SETLEASE: " + Errno.describe(result));
  }

  @Override
  public void close() {
    kernel.close(fd);
  }
}
