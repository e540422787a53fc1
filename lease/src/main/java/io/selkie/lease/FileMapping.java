package io.selkie.lease;

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
 * <p>Not for several threads, except that memory is safe to use until {@link #invalidate}: then
 * every access from Java fails instead of reaching what the addresses have become.
 */
final class FileMapping {

  private static final long PAGE_BYTES = 4096;
  private static final long HEADROOM_BYTES_MAX = 1L << 36;

  private final Kernel kernel;
  private final boolean writable;
  // Made with the first mapping: closing one costs a handshake with all threads.
  private Arena arena;
  private boolean synchronous;
  private long[] addresses = new long[0];
  private long[] lengths = new long[0];
  private MemorySegment pages = MemorySegment.NULL;
  private MemorySegment bytes = MemorySegment.NULL;

  FileMapping(Kernel kernel, boolean writable) {
    this.kernel = kernel;
    this.writable = writable;
  }

  /**
   * Maps the file for the first time.
   *
   * @param dax whether to ask for MAP_SYNC; where it is refused the mapping does without
   * @return 0, or {@code -errno}
   */
  int open(int fd, long sizeBytes, boolean dax) {
    long length = wholePages(sizeBytes);
    long address = -1;
    if (dax) {
      address = map(fd, length, MapFlags.SHARED_VALIDATE | MapFlags.SYNC);
      synchronous = address >= 0;
      if (address < 0 && !Errno.EOPNOTSUPP.is(address)) {
        return (int) address;
      }
    }
    if (!synchronous) {
      address = map(fd, length, MapFlags.SHARED);
      if (address < 0) {
        return (int) address;
      }
    }
    adopt(address, length, sizeBytes);
    return 0;
  }

  /** Whether a file of that size is covered by what is mapped. */
  boolean reaches(long sizeBytes) {
    return sizeBytes <= pages.byteSize();
  }

  /**
   * A longer mapping, not yet adopted; may be called while others use this object.
   *
   * @param mappedBytes {@link #mappedBytes()} as it was a moment ago
   */
  Longer mapLonger(int fd, long sizeBytes, long mappedBytes) {
    int flags = synchronous ? MapFlags.SHARED_VALIDATE | MapFlags.SYNC : MapFlags.SHARED;
    long exact = wholePages(sizeBytes);
    long generous = Math.max(exact, mappedBytes + Math.min(mappedBytes, HEADROOM_BYTES_MAX));
    long address = map(fd, generous, flags);
    if (address >= 0 || generous == exact) {
      return new Longer(address, generous);
    }
    return new Longer(map(fd, exact, flags), exact);
  }

  /**
   * A mapping that belongs to nobody yet.
   *
   * @param address or {@code -errno}
   */
  record Longer(long address, long lengthBytes) {}

  /** Makes a longer mapping the current one. */
  void adopt(Longer longer, long sizeBytes) {
    adopt(longer.address(), longer.lengthBytes(), sizeBytes);
  }

  /** Gives an unadopted mapping back. */
  void discard(Longer longer) {
    kernel.munmap(longer.address(), longer.lengthBytes());
  }

  /** Lets the current mapping reach a new end of file that it covers. */
  void resize(long sizeBytes) {
    if (sizeBytes > bytes.byteSize()) {
      bytes = readOnlyUnlessWritable(pages.asSlice(0, sizeBytes));
    }
  }

  /** The file's bytes; read-only when the description is. */
  MemorySegment bytes() {
    return bytes;
  }

  /** The file in whole pages and more: what lies past the end of file must not be touched. */
  MemorySegment pages() {
    return pages;
  }

  long mappedBytes() {
    return pages.byteSize();
  }

  /** Whether MAP_SYNC holds. */
  boolean synchronous() {
    return synchronous;
  }

  /**
   * Makes all memory unusable from Java. Nothing is unmapped yet, which may take long.
   *
   * @throws IllegalStateException while somebody uses it in a native call: then nothing happened
   */
  void invalidate() {
    if (arena != null) {
      arena.close();
      arena = null;
    }
  }

  /** Unmaps everything, after {@link #invalidate}; 0, or the first {@code -errno}. */
  int unmap() {
    int first = 0;
    for (int i = 0; i < addresses.length; i++) {
      int result = kernel.munmap(addresses[i], lengths[i]);
      if (result < 0) {
        // Once more: a mapping left behind would keep the next exclusive seal from being had.
        result = kernel.munmap(addresses[i], lengths[i]);
      }
      first = first < 0 ? first : Math.min(result, 0);
    }
    addresses = new long[0];
    lengths = new long[0];
    return first;
  }

  private long map(int fd, long length, int flags) {
    int protection = MapFlags.PROT_READ | (writable ? MapFlags.PROT_WRITE : 0);
    return kernel.mmap(fd, 0, length, protection, flags);
  }

  @SuppressWarnings("restricted")
  private void adopt(long address, long length, long sizeBytes) {
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
