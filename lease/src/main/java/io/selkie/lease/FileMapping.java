package io.selkie.lease;

import io.selkie.posix.CacheLines;
import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.MapFlags;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The mappings of one file, from its first byte on. It grows by mapping the file again, longer, and
 * keeping what there is: memory that was registered with a device stays where it is. Each new
 * mapping is at least twice as long as the one before, so there are few.
 *
 * <p>Its end has three steps, because each may be wanted at another moment: {@link #retire} waits
 * until nobody touches it from here any more, {@link #invalidate} makes every access from Java fail
 * instead of reaching what the addresses will be, {@link #unmap} gives the addresses back.
 *
 * <p>Safe for use by several threads. The monitor is not held across a system call.
 */
final class FileMapping {

  private static final long PAGE_BYTES = 4096;
  private static final long HEADROOM_BYTES_MAX = 1L << 36;

  /** Bytes written back in one go: {@link #retire} waits for it. */
  private static final long TOUCH_BYTES = 1 << 20;

  private final Kernel kernel;
  private final boolean writable;
  // Made with the first mapping: closing one costs a handshake with all threads.
  private Arena arena;
  private boolean synchronous;
  private boolean retired;
  private int touchers;
  private long[] addresses = new long[0];
  private long[] lengths = new long[0];
  private MemorySegment pages = MemorySegment.NULL;
  private MemorySegment bytes = MemorySegment.NULL;

  FileMapping(Kernel kernel, boolean writable) {
    this.kernel = kernel;
    this.writable = writable;
  }

  /**
   * Maps the file for the first time; not at all when it was retired meanwhile.
   *
   * @param dax whether to ask for MAP_SYNC; where it is refused the mapping does without
   * @return 0, or {@code -errno}
   */
  int open(int fd, long sizeBytes, boolean dax) {
    long length = wholePages(sizeBytes);
    boolean sync = dax;
    long address = map(fd, length, sync);
    if (sync && Errno.EOPNOTSUPP.is(address)) {
      sync = false;
      address = map(fd, length, false);
    }
    if (address < 0) {
      return (int) address;
    }
    if (!adoptUnlessRetired(address, length, sizeBytes, sync)) {
      kernel.munmap(address, length);
    }
    return 0;
  }

  /** Whether it was mapped for the first time. */
  synchronized boolean isOpen() {
    return addresses.length > 0;
  }

  private synchronized boolean adoptUnlessRetired(
      long address, long length, long sizeBytes, boolean sync) {
    if (retired) {
      return false;
    }
    adopt(address, length, sizeBytes, sync);
    return true;
  }

  /**
   * Lets the mapping reach a new end of file.
   *
   * @return 0, or {@code -errno}; 0 too when it was retired meanwhile
   */
  int reach(int fd, long sizeBytes) {
    long mapped;
    boolean sync;
    synchronized (this) {
      if (reachesWithoutMapping(sizeBytes)) {
        return 0;
      }
      mapped = pages.byteSize();
      sync = synchronous;
    }
    long exact = wholePages(sizeBytes);
    long length = Math.max(exact, mapped + Math.min(mapped, HEADROOM_BYTES_MAX));
    long address = map(fd, length, sync);
    if (address < 0 && length > exact) {
      length = exact;
      address = map(fd, length, sync);
    }
    if (address < 0) {
      return (int) address;
    }
    boolean adopted = false;
    synchronized (this) {
      if (!reachesWithoutMapping(sizeBytes)) {
        adopt(address, length, sizeBytes, sync);
        adopted = true;
      }
    }
    if (!adopted) {
      kernel.munmap(address, length);
    }
    return 0;
  }

  /** Guarded by the monitor. */
  private boolean reachesWithoutMapping(long sizeBytes) {
    if (!retired && sizeBytes > bytes.byteSize() && sizeBytes <= pages.byteSize()) {
      bytes = readOnlyUnlessWritable(pages.asSlice(0, sizeBytes));
    }
    return retired || sizeBytes <= bytes.byteSize();
  }

  /** The file's bytes; read-only when the description is. */
  synchronized MemorySegment bytes() {
    return bytes;
  }

  /** Whether MAP_SYNC holds. */
  synchronized boolean synchronous() {
    return synchronous;
  }

  /**
   * Writes cache lines back, in pieces. Each piece is brought in first by one call, which costs
   * less than a fault for each page, and which tells of pages that cannot be had where nothing
   * guards the instructions themselves.
   *
   * @return 0; ESTALE when it was retired; EIO when part of it lies on bad storage or behind the
   *     end of the file; EINVAL when the kernel cannot tell
   */
  int writeBack(CacheLines cacheLines, ByteRange range) {
    for (long at = range.offset(); at < range.end(); at += TOUCH_BYTES) {
      MemorySegment touched = beginTouch();
      if (touched == null) {
        return Errno.ESTALE.result();
      }
      try {
        long length = Math.min(TOUCH_BYTES, Math.min(range.end(), touched.byteSize()) - at);
        if (length <= 0) {
          return 0;
        }
        int present = bringIn(touched.address() + at, length);
        if (present < 0) {
          return present;
        }
        int written = cacheLines.writeBack(touched.address() + at, length);
        if (written < 0) {
          return written;
        }
      } finally {
        endTouch();
      }
    }
    return 0;
  }

  private int bringIn(long address, long length) {
    long from = address & -PAGE_BYTES;
    int result = kernel.populateRead(from, wholePages(address + length - from));
    return Errno.EFAULT.is(result) || Errno.EHWPOISON.is(result) ? Errno.EIO.result() : result;
  }

  /** The file's bytes, which stay until {@link #endTouch}; null when they go. */
  private synchronized MemorySegment beginTouch() {
    if (retired) {
      return null;
    }
    touchers++;
    return bytes;
  }

  private synchronized void endTouch() {
    touchers--;
    notifyAll();
  }

  /** Lets nobody in here touch it any more and waits until those who do are out. */
  synchronized void retire() {
    retired = true;
    boolean interrupted = false;
    while (touchers > 0) {
      try {
        wait();
      } catch (InterruptedException _) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Makes all memory unusable from Java. Nothing is unmapped yet.
   *
   * @throws IllegalStateException while somebody uses it in a native call: then nothing happened
   */
  void invalidate() {
    Arena ending;
    synchronized (this) {
      ending = arena;
    }
    if (ending != null) {
      ending.close();
      synchronized (this) {
        arena = null;
      }
    }
  }

  /** Unmaps everything, after {@link #invalidate}; 0, or the first {@code -errno}. */
  int unmap() {
    long[] from;
    long[] length;
    synchronized (this) {
      from = addresses;
      length = lengths;
      addresses = new long[0];
      lengths = new long[0];
    }
    int first = 0;
    for (int i = 0; i < from.length; i++) {
      int result = kernel.munmap(from[i], length[i]);
      if (result < 0) {
        // Once more: a kernel that says no has unmapped nothing, and a mapping left behind would
        // keep the file open for ever.
        result = kernel.munmap(from[i], length[i]);
      }
      first = first < 0 ? first : Math.min(result, 0);
    }
    return first;
  }

  private long map(int fd, long length, boolean sync) {
    int protection = MapFlags.PROT_READ | (writable ? MapFlags.PROT_WRITE : 0);
    int flags = sync ? MapFlags.SHARED_VALIDATE | MapFlags.SYNC : MapFlags.SHARED;
    return kernel.mmap(fd, 0, length, protection, flags);
  }

  @SuppressWarnings("restricted")
  private synchronized void adopt(long address, long length, long sizeBytes, boolean sync) {
    synchronous = sync;
    addresses = Arrays.copyOf(addresses, addresses.length + 1);
    lengths = Arrays.copyOf(lengths, lengths.length + 1);
    addresses[addresses.length - 1] = address;
    lengths[lengths.length - 1] = length;
    if (arena == null) {
      arena = Arena.ofShared();
    }
    pages = MemorySegment.ofAddress(address).reinterpret(length, arena, null);
    bytes = readOnlyUnlessWritable(pages.asSlice(0, sizeBytes));
  }

  private MemorySegment readOnlyUnlessWritable(MemorySegment segment) {
    return writable ? segment : segment.asReadOnly();
  }

  private static long wholePages(long bytes) {
    return Math.addExact(bytes, PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  }
}
