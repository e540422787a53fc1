package io.selkie.lease;

import io.selkie.posix.AtFlags;
import io.selkie.posix.Errno;
import io.selkie.posix.FiemapPage;
import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.MapFlags;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What a file and its file system can do. Every answer comes from trying it, in ways that change no
 * byte of the file. Answers that hold for a whole file system are kept by device, a bounded number
 * of them; safe for use by several threads.
 */
public final class FileProbes {

  private static final byte[] ITSELF = new byte[0];
  private static final long TRIAL_BYTES = 4096;
  private static final int DEVICES_KEPT_MAX = 1024;

  private final Kernel kernel;
  private final ConcurrentHashMap<Long, Probe> reflinkByDevice = new ConcurrentHashMap<>();

  /** Probes by a kernel. */
  public FileProbes(Kernel kernel) {
    this.kernel = kernel;
  }

  /** Asks a descriptor's attributes: 0, or {@code -errno}. */
  static int status(Kernel kernel, int fd, FileStatus out) {
    return kernel.statx(fd, ITSELF, AtFlags.EMPTY_PATH, FileStatus.MASK_BASIC, out);
  }

  /** Whether the file is in DAX state: its mapping is the storage. */
  public Probe dax(int fd) {
    var status = new FileStatus();
    int result = status(kernel, fd, status);
    if (result < 0) {
      return Probe.unknown("statx: " + Errno.describe(result));
    }
    if ((status.attributesMask() & FileStatus.ATTRIBUTE_DAX) == 0) {
      return Probe.no("the file system does not know STATX_ATTR_DAX");
    }
    return status.isDax()
        ? Probe.yes("statx shows STATX_ATTR_DAX")
        : Probe.no("statx does not show STATX_ATTR_DAX");
  }

  /**
   * Whether stores through a mapping need no system call to be durable: maps a page with MAP_SYNC.
   *
   * @param writable whether the description is
   */
  public Probe mapSync(int fd, boolean writable) {
    int protection = MapFlags.PROT_READ | (writable ? MapFlags.PROT_WRITE : 0);
    long address =
        kernel.mmap(fd, 0, TRIAL_BYTES, protection, MapFlags.SHARED_VALIDATE | MapFlags.SYNC);
    if (address >= 0) {
      kernel.munmap(address, TRIAL_BYTES);
      return Probe.yes("mmap took MAP_SYNC");
    }
    return Errno.EOPNOTSUPP.is(address)
        ? Probe.no("mmap refuses MAP_SYNC: no DAX here, or none on persistent memory")
        : Probe.unknown("mmap with MAP_SYNC: " + Errno.describe(address));
  }

  /** Whether the block map can be read at all. */
  public Probe blockMap(int fd) {
    int count = kernel.fiemap(fd, 0, TRIAL_BYTES, 0, new FiemapPage(1));
    if (count >= 0) {
      return Probe.yes("FIEMAP answers");
    }
    return isUnsupported(count)
        ? Probe.no("the file system has no FIEMAP")
        : Probe.unknown("FIEMAP: " + Errno.describe(count));
  }

  /**
   * Whether files of this file system can share blocks. Some types never can; others are asked to
   * clone the file onto itself, from its start to its start: the kernel says EOPNOTSUPP where there
   * is no reflink, and refuses the overlap with EINVAL where there is, before it looks at a single
   * block. That needs a writable description; without one the answer stays unknown, which callers
   * must take for yes.
   *
   * @param device of the file; answers are kept by it
   * @param writable whether the description is
   */
  public Probe reflink(int fd, long device, boolean writable) {
    Probe known = reflinkByDevice.get(device);
    if (known != null) {
      return known;
    }
    Probe probe = tryReflink(fd, writable);
    if (probe.answer() != Probe.Answer.UNKNOWN && reflinkByDevice.size() < DEVICES_KEPT_MAX) {
      reflinkByDevice.put(device, probe);
    }
    return probe;
  }

  private Probe tryReflink(int fd, boolean writable) {
    var fileSystem = new FileSystemStatus();
    int result = kernel.fstatfs(fd, fileSystem);
    if (result < 0) {
      return Probe.unknown("fstatfs: " + Errno.describe(result));
    }
    FileSystemType type = FileSystemType.of(fileSystem.type());
    if (type.neverReflinks()) {
      return Probe.no(type.label() + " has no reflink");
    }
    String label = FileSystemType.describe(fileSystem.type());
    if (!writable) {
      return Probe.unknown(label + " may have reflink; only a writable file can be asked");
    }
    int clone = kernel.cloneRange(fd, 0, 0, fd, 0);
    if (clone >= 0 || Errno.EINVAL.is(clone)) {
      return Probe.yes(label + " takes FICLONERANGE");
    }
    return isUnsupported(clone)
        ? Probe.no(label + " refuses FICLONERANGE")
        : Probe.unknown("FICLONERANGE on " + label + ": " + Errno.describe(clone));
  }

  static boolean isUnsupported(long result) {
    return Errno.EOPNOTSUPP.is(result)
        || Errno.ENOTTY.is(result)
        || Errno.ENOSYS.is(result)
        || Errno.ENOTSUPP.is(result);
  }
}
