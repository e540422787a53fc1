package io.selkie.posix;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * A DAX device that is open, ours alone, and mapped from its first byte to its last. Reading and
 * writing are copies; what was written is durable when the call returns.
 *
 * <p>Safe for use by several threads. A page that cannot be had (bad storage, a device that went)
 * is EIO, not the end of the process.
 */
public final class DeviceMemory implements AutoCloseable {
  private static final long PAGE_BYTES = 4096;

  private final Kernel kernel;
  private final DaxDevice device;
  private final CacheLines cacheLines;
  private final int fd;
  private final long address;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment bytes;
  private volatile BadRanges bad = BadRanges.NONE;

  @SuppressWarnings("restricted")
  private DeviceMemory(
      Kernel kernel, DaxDevice device, CacheLines cacheLines, int fd, long address) {
    this.kernel = kernel;
    this.device = device;
    this.cacheLines = cacheLines;
    this.fd = fd;
    this.address = address;
    this.bytes = MemorySegment.ofAddress(address).reinterpret(device.sizeBytes(), arena, null);
  }

  /**
   * Opens a device for this process alone: by an exclusive lock on it, which is given up by the end
   * of the process at the latest.
   *
   * @throws PosixException when it cannot be, or when another process has it
   */
  public static DeviceMemory open(Kernel kernel, DaxDevice device) throws PosixException {
    CacheLines cacheLines = CacheLines.detect();
    String name = "device " + device.path();
    if (!cacheLines.isAvailable()) {
      throw new PosixException(
          "cache-line write-back",
          Errno.EOPNOTSUPP.result(),
          name,
          "what is written to it could not be made durable: " + cacheLines.whyNot());
    }
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(device.path().toString()),
            OpenFlags.RDWR | OpenFlags.CLOEXEC,
            0,
            0);
    if (fd < 0) {
      throw new PosixException("openat2", fd, name, "see that it exists and may be written");
    }
    int locked = kernel.setFileLock(fd, FileLockType.EXCLUSIVE, 0, 0);
    if (locked < 0) {
      kernel.close(fd);
      throw new PosixException(
          "F_OFD_SETLK",
          locked,
          name,
          "end the process that uses it; if this server said that it stays mapped, start it anew");
    }
    int protection = MapFlags.PROT_READ | MapFlags.PROT_WRITE;
    long address = kernel.mmap(fd, 0, device.sizeBytes(), protection, MapFlags.SHARED);
    if (address < 0) {
      kernel.close(fd);
      throw new PosixException("mmap", address, name, "see the kernel's log");
    }
    return new DeviceMemory(kernel, device, cacheLines, fd, address);
  }

  /** What is mapped. */
  public DaxDevice device() {
    return device;
  }

  /** The open device; valid until {@link #close}. */
  int fd() {
    return fd;
  }

  /**
   * All of it, mapped until {@link #close}. To be touched by {@link MappedBytes} only; what is
   * stored is not durable yet.
   */
  public MemorySegment bytes() {
    return bytes;
  }

  /** What of it is known to be bad. */
  public BadRanges bad() {
    return bad;
  }

  /** From now on accesses to these are refused. */
  public void bad(BadRanges ranges) {
    bad = ranges;
  }

  /**
   * Copies out of it.
   *
   * @return bytes, 0 at the end or behind it, or {@code -errno}: EIO when a bad one is among them
   */
  long read(MemorySegment into, long offset) {
    long length = Math.min(into.byteSize(), device.sizeBytes() - offset);
    if (offset < 0) {
      return Errno.EINVAL.result();
    }
    if (length <= 0) {
      return 0;
    }
    if (bad.overlap(offset, offset + length)) {
      return Errno.EIO.result();
    }
    try {
      return MappedBytes.copy(bytes, offset, into, 0, length) ? length : Errno.EIO.result();
    } catch (IllegalStateException _) {
      return Errno.EIO.result();
    }
  }

  /**
   * Copies into it and makes that durable.
   *
   * @return bytes, fewer than given where the device ends, or {@code -errno}: EIO when a bad one is
   *     among them, because a store does not make it good
   */
  long write(MemorySegment from, long offset) {
    if (offset < 0) {
      return Errno.EINVAL.result();
    }
    if (from.byteSize() > 0 && offset >= device.sizeBytes()) {
      return Errno.EFBIG.result();
    }
    long length = Math.min(from.byteSize(), device.sizeBytes() - offset);
    if (length <= 0) {
      return 0;
    }
    if (bad.overlap(offset, offset + length)) {
      return Errno.EIO.result();
    }
    try {
      if (!MappedBytes.copy(from, 0, bytes, offset, length)) {
        return Errno.EIO.result();
      }
    } catch (IllegalStateException _) {
      return Errno.EIO.result();
    }
    int durable = writeBack(offset, length);
    return durable < 0 ? durable : length;
  }

  /**
   * Makes durable what was stored through {@link #bytes}.
   *
   * @return 0, or {@code -errno}: EIO when a bad page is among them
   */
  public int writeBack(long offset, long length) {
    int present = bringIn(address + offset, length);
    return present < 0 ? present : cacheLines.writeBack(address + offset, length);
  }

  /** In one call, which costs less than a fault for each page; and where nothing guards, at all. */
  private int bringIn(long from, long length) {
    long first = from & -PAGE_BYTES;
    long end = (from + length + PAGE_BYTES - 1) & -PAGE_BYTES;
    int result = kernel.populateRead(first, end - first);
    return Errno.EFAULT.is(result) || Errno.EHWPOISON.is(result) ? Errno.EIO.result() : result;
  }

  /**
   * Unmaps and closes it. Nobody uses it any more; who does all the same gets EIO.
   *
   * @return why it stays mapped, when somebody is in the middle of a copy; empty when it is gone
   */
  public Optional<String> end() {
    try {
      arena.close();
    } catch (IllegalStateException e) {
      return Optional.of(e.getMessage());
    }
    kernel.munmap(address, device.sizeBytes());
    kernel.close(fd);
    return Optional.empty();
  }

  @Override
  public void close() {
    var _ = end();
  }
}
