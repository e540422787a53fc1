package io.selkie.posix;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A kernel in which certain regular files have their data on a DAX device. Such a file, the
 * device's <em>stand-in</em>, is as long as the device and has no block of its own: it is what
 * names, owners, modes, times, locks and leases hang on, which a device has none of that a client
 * could be shown. Whatever goes to the data of an open stand-in goes to the device: reads, writes,
 * mappings. Its block map is one extent, the device itself, and never changes: what would change
 * it, or the size, is refused. So is whatever would change the names in its directory.
 *
 * <p>Where there are no devices nothing is asked and nothing allocated. Safe for use by several
 * threads.
 */
public final class DeviceFiles extends ForwardingKernel {
  private static final byte[] ITSELF = new byte[0];
  private static final int PERMANENT = Errno.EPERM.result();
  private static final int UNSUPPORTED = Errno.EOPNOTSUPP.result();
  private static final int READ_ONLY = Errno.EROFS.result();

  /** An inode of this machine. */
  private record Inode(long device, long number) {}

  private final DaxDevice.Finder finder;
  private final Map<Inode, DeviceMemory> standIns = new ConcurrentHashMap<>();
  private final Map<Inode, Integer> directories = new ConcurrentHashMap<>();

  /** By descriptor; replaced, never changed in place, by who holds the monitor. */
  private volatile DeviceMemory[] open = new DeviceMemory[0];

  /** On a kernel that knows nothing of this. */
  public DeviceFiles(Kernel kernel, DaxDevice.Finder finder) {
    super(kernel);
    this.finder = finder;
  }

  /** How devices are found here. */
  public DaxDevice.Finder finder() {
    return finder;
  }

  /**
   * From now on the data of a file is a device's; to be said before anybody opens it.
   *
   * @param directoryFd of the directory that it is alone in; any descriptor of it
   * @param fileFd any descriptor of the file
   * @throws PosixException when one of them cannot be looked at
   */
  public void standIn(int directoryFd, int fileFd, DeviceMemory memory) throws PosixException {
    Inode directory = inode(directoryFd);
    Inode file = inode(fileFd);
    if (directory == null || file == null) {
      throw new PosixException("statx", Errno.EIO.result(), "stand-in of a device", "see its disk");
    }
    directories.merge(directory, 1, Integer::sum);
    standIns.put(file, memory);
  }

  /** Undoes {@link #standIn}, when all descriptors of the file are closed. */
  public void forget(DeviceMemory memory, int directoryFd) {
    standIns.values().removeIf(memory::equals);
    Inode directory = inode(directoryFd);
    if (directory != null) {
      directories.computeIfPresent(directory, (_, count) -> count == 1 ? null : count - 1);
    }
    synchronized (this) {
      DeviceMemory[] now = open.clone();
      for (int i = 0; i < now.length; i++) {
        now[i] = now[i] == memory ? null : now[i];
      }
      open = now;
    }
  }

  /** The device behind a descriptor, or null. */
  public DeviceMemory behind(int fd) {
    DeviceMemory[] now = open;
    return fd >= 0 && fd < now.length ? now[fd] : null;
  }

  private Inode inode(int fd) {
    FileStatus status = new FileStatus();
    return look(fd, status) < 0 ? null : inode(status);
  }

  private static Inode inode(FileStatus status) {
    return new Inode(status.device(), status.inode());
  }

  private int look(int fd, FileStatus into) {
    return delegate().statx(fd, ITSELF, AtFlags.EMPTY_PATH, FileStatus.MASK_BASIC, into);
  }

  /**
   * Why the names in a directory stay as they are: they are of devices, or that cannot be found
   * out.
   *
   * @return 0 where they may change, or {@code -errno}
   */
  private int refusal(int directoryFd) {
    if (directories.isEmpty()) {
      return 0;
    }
    FileStatus status = new FileStatus();
    int result = look(directoryFd, status);
    if (result < 0) {
      return result;
    }
    return directories.containsKey(inode(status)) ? READ_ONLY : 0;
  }

  private int refusal(int oneDirectoryFd, int otherDirectoryFd) {
    int refused = refusal(oneDirectoryFd);
    return refused < 0 ? refused : refusal(otherDirectoryFd);
  }

  private synchronized void set(int fd, DeviceMemory memory) {
    DeviceMemory[] now = open;
    if (memory == null && (fd >= now.length || now[fd] == null)) {
      return;
    }
    DeviceMemory[] next = Arrays.copyOf(now, Math.max(now.length, fd + 1));
    next[fd] = memory;
    open = next;
  }

  // ---------------------------------------------------------------- descriptors

  @Override
  public int openat2(int dirFd, byte[] path, long openFlags, int mode, long resolveFlags) {
    if (standIns.isEmpty()) {
      return delegate().openat2(dirFd, path, openFlags, mode, resolveFlags);
    }
    boolean creates = (openFlags & OpenFlags.CREAT) != 0;
    boolean nameless = (openFlags & OpenFlags.TMPFILE) == OpenFlags.TMPFILE;
    int refused = dirFd >= 0 && (creates || nameless) ? refusal(dirFd) : 0;
    if (refused < 0) {
      return nameless || refused != READ_ONLY
          ? refused
          : openExisting(dirFd, path, openFlags, resolveFlags);
    }
    return openKnown(dirFd, path, openFlags, mode, resolveFlags);
  }

  private int openExisting(int dirFd, byte[] path, long openFlags, long resolveFlags) {
    long flags = openFlags & ~(OpenFlags.CREAT | OpenFlags.EXCL);
    int fd = openKnown(dirFd, path, flags, 0, resolveFlags);
    if (fd >= 0 && (openFlags & OpenFlags.EXCL) != 0) {
      close(fd);
      return Errno.EEXIST.result();
    }
    return Errno.ENOENT.is(fd) ? READ_ONLY : fd;
  }

  private int openKnown(int dirFd, byte[] path, long openFlags, int mode, long resolveFlags) {
    int fd = delegate().openat2(dirFd, path, openFlags, mode, resolveFlags);
    if (fd >= 0 && (openFlags & (OpenFlags.PATH | OpenFlags.DIRECTORY)) == 0) {
      FileStatus status = new FileStatus();
      int result = look(fd, status);
      if (result < 0) {
        // Taken for an ordinary file, a stand-in would take data that nobody finds again.
        close(fd);
        return result;
      }
      set(fd, standIns.get(inode(status)));
    }
    return fd;
  }

  @Override
  public int close(int fd) {
    if (behind(fd) != null) {
      set(fd, null);
    }
    return delegate().close(fd);
  }

  @Override
  public int dup3(int fd, int onto) {
    int result = delegate().dup3(fd, onto);
    if (result >= 0 && (behind(fd) != null || behind(onto) != null)) {
      set(onto, behind(fd));
    }
    return result;
  }

  @Override
  public int statx(int dirFd, byte[] name, int atFlags, int mask, FileStatus out) {
    int result = delegate().statx(dirFd, name, atFlags, mask, out);
    if (result >= 0 && name.length == 0 && behind(dirFd) != null) {
      out.attributes(out.attributes() | FileStatus.ATTRIBUTE_DAX);
      out.attributesMask(out.attributesMask() | FileStatus.ATTRIBUTE_DAX);
    }
    return result;
  }

  // ---------------------------------------------------------------- names

  @Override
  public int mkdirat(int dirFd, byte[] name, int mode) {
    int refused = refusal(dirFd);
    return refused < 0 ? refused : delegate().mkdirat(dirFd, name, mode);
  }

  @Override
  public int mknodat(int dirFd, byte[] name, int typeAndMode, int major, int minor) {
    int refused = refusal(dirFd);
    return refused < 0 ? refused : delegate().mknodat(dirFd, name, typeAndMode, major, minor);
  }

  @Override
  public int symlinkat(byte[] target, int dirFd, byte[] name) {
    int refused = refusal(dirFd);
    return refused < 0 ? refused : delegate().symlinkat(target, dirFd, name);
  }

  @Override
  public int linkat(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags) {
    int refused = refusal(fromDirFd, toDirFd);
    return refused < 0 ? refused : delegate().linkat(fromDirFd, fromName, toDirFd, toName, flags);
  }

  @Override
  public int unlinkat(int dirFd, byte[] name, int flags) {
    int refused = refusal(dirFd);
    return refused < 0 ? refused : delegate().unlinkat(dirFd, name, flags);
  }

  @Override
  public int renameat2(int fromDirFd, byte[] fromName, int toDirFd, byte[] toName, int flags) {
    int refused = refusal(fromDirFd, toDirFd);
    return refused < 0
        ? refused
        : delegate().renameat2(fromDirFd, fromName, toDirFd, toName, flags);
  }

  // ---------------------------------------------------------------- data

  @Override
  public long pread(int fd, MemorySegment into, long fileOffset) {
    DeviceMemory memory = behind(fd);
    return memory == null ? delegate().pread(fd, into, fileOffset) : memory.read(into, fileOffset);
  }

  /** The stand-in's times move with the data; what was written is durable. */
  @Override
  public long pwrite(int fd, MemorySegment from, long fileOffset) {
    DeviceMemory memory = behind(fd);
    if (memory == null) {
      return delegate().pwrite(fd, from, fileOffset);
    }
    long written = memory.write(from, fileOffset);
    int touched =
        written > 0 ? delegate().utimens(fd, 0, FileStatus.UTIME_OMIT, 0, FileStatus.UTIME_NOW) : 0;
    return touched < 0 ? touched : written;
  }

  @Override
  public long lseek(int fd, long offset, int whence) {
    DeviceMemory memory = behind(fd);
    if (memory == null || (whence != SeekWhence.DATA && whence != SeekWhence.HOLE)) {
      return delegate().lseek(fd, offset, whence);
    }
    long size = memory.device().sizeBytes();
    if (offset < 0 || offset >= size) {
      return Errno.ENXIO.result();
    }
    return whence == SeekWhence.DATA ? offset : size;
  }

  @Override
  public int ftruncate(int fd, long size) {
    DeviceMemory memory = behind(fd);
    if (memory == null) {
      return delegate().ftruncate(fd, size);
    }
    return size == memory.device().sizeBytes() ? 0 : PERMANENT;
  }

  @Override
  public int fallocate(int fd, int mode, long offset, long length) {
    return behind(fd) == null ? delegate().fallocate(fd, mode, offset, length) : UNSUPPORTED;
  }

  /**
   * A clone of a whole file onto itself is a probe of the file system, which this says nothing
   * about: it is to learn nothing.
   */
  @Override
  public int cloneRange(
      int sourceFd, long sourceOffset, long length, int targetFd, long targetOffset) {
    if (behind(sourceFd) == null && behind(targetFd) == null) {
      return delegate().cloneRange(sourceFd, sourceOffset, length, targetFd, targetOffset);
    }
    boolean probe = sourceFd == targetFd && sourceOffset == 0 && length == 0 && targetOffset == 0;
    return probe ? PERMANENT : UNSUPPORTED;
  }

  @Override
  public long copyFileRange(
      int sourceFd, long sourceOffset, int targetFd, long targetOffset, long length) {
    return behind(sourceFd) == null && behind(targetFd) == null
        ? delegate().copyFileRange(sourceFd, sourceOffset, targetFd, targetOffset, length)
        : Errno.EXDEV.result();
  }

  @Override
  public int fiemap(int fd, long start, long length, int flags, FiemapPage out) {
    DeviceMemory memory = behind(fd);
    if (memory == null) {
      return delegate().fiemap(fd, start, length, flags, out);
    }
    out.clear();
    if (!memory.device().isThere()) {
      return Errno.ENODEV.result();
    }
    long size = memory.device().sizeBytes();
    if (start < size && length > 0) {
      out.add(0, 0, size, FiemapFlags.LAST);
    }
    return out.count();
  }

  /** A device's mapping needs no MAP_SYNC: there is no metadata that could be behind. */
  @Override
  public long mmap(int fd, long fileOffset, long length, int protection, int flags) {
    DeviceMemory memory = behind(fd);
    return memory == null
        ? delegate().mmap(fd, fileOffset, length, protection, flags)
        : delegate().mmap(memory.fd(), fileOffset, length, protection, MapFlags.SHARED);
  }

  /**
   * Opens a device of a path.
   *
   * @throws IOException when there is none, or it is not to be had
   */
  public DeviceMemory openDevice(Path path) throws IOException {
    return DeviceMemory.open(delegate(), finder.find(path));
  }
}
