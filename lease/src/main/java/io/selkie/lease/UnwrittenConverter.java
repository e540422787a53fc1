package io.selkie.lease;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.MapFlags;
import io.selkie.posix.MappedBytes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * Turns unwritten blocks of a DAX file into written, zeroed ones, without ever changing a byte that
 * holds data, whoever writes the same bytes at the same time.
 */
@FunctionalInterface
public interface UnwrittenConverter {

  /**
   * Converts a range; the caller makes it durable. Blocks for about a page fault for each page.
   *
   * @param fd open for writing
   * @param range inside the file
   * @return 0, or {@code -errno}
   */
  int convert(Kernel kernel, int fd, ByteRange range);

  /**
   * Adds 0 to one word of each page, atomically, through a mapping made for that: the page fault
   * makes the file system allocate, zero and convert the block, and the word keeps whatever value
   * it has. Plain zeroes written from here could land after data that another thread of the server
   * had just written. The mapping is one without MAP_SYNC, with which each such fault would wait
   * for the journal.
   */
  static UnwrittenConverter byTouching() {
    return TouchingConverter.INSTANCE;
  }

  /** The one that touches. */
  enum TouchingConverter implements UnwrittenConverter {
    /** It has no state. */
    INSTANCE;

    private static final long PAGE_BYTES = 4096;
    private static final long HUGE_PAGE_BYTES = 2L << 20;
    private static final VarHandle WORD = ValueLayout.JAVA_INT.varHandle();

    @Override
    @SuppressWarnings("restricted")
    public int convert(Kernel kernel, int fd, ByteRange range) {
      // Aligned to what a huge page covers, so that one fault may do for all of it.
      long from = range.offset() & -HUGE_PAGE_BYTES;
      long length = range.end() - from;
      int protection = MapFlags.PROT_READ | MapFlags.PROT_WRITE;
      long address = kernel.mmap(fd, from, length, protection, MapFlags.SHARED);
      if (address < 0) {
        return (int) address;
      }
      try {
        touch(MemorySegment.ofAddress(address).reinterpret(wholePages(length)), range, from);
        MappedBytes.settle();
        return 0;
      } catch (InternalError e) {
        // How the JVM reports SIGBUS: the file system could not give the page, or it is cut off.
        return Errno.EIO.result();
      } finally {
        kernel.munmap(address, length);
      }
    }

    private static void touch(MemorySegment pages, ByteRange range, long from) {
      long first = range.offset() & -PAGE_BYTES;
      for (long at = first; at < range.end(); at += PAGE_BYTES) {
        int _ = (int) WORD.getAndAdd(pages, at - from, 0);
      }
    }

    private static long wholePages(long bytes) {
      return (bytes + PAGE_BYTES - 1) & -PAGE_BYTES;
    }
  }
}
