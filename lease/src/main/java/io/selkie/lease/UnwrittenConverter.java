package io.selkie.lease;

import io.selkie.posix.Errno;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * Turns unwritten blocks of a DAX file into written, zeroed ones, without ever changing a byte that
 * holds data, whoever writes the same bytes at the same time.
 */
@FunctionalInterface
public interface UnwrittenConverter {

  /** Bytes that one call of {@link #convert} is given at most: it must be soon over. */
  long CHUNK_BYTES = 1 << 20;

  /**
   * Converts a range.
   *
   * @param pages the file's mapping from its first byte, in whole pages, writable
   * @param range inside it
   * @return 0, or {@code -errno}
   */
  int convert(MemorySegment pages, ByteRange range);

  /**
   * Adds 0 to one word of each page, atomically: the page fault makes the file system allocate,
   * zero and convert the block, and the word keeps whatever value it has. Plain zeroes written from
   * here could land after data that another thread of the server had just written.
   */
  static UnwrittenConverter byTouching() {
    return TouchingConverter.INSTANCE;
  }

  /** The one that touches. */
  enum TouchingConverter implements UnwrittenConverter {
    /** It has no state. */
    INSTANCE;

    private static final long PAGE_BYTES = 4096;
    private static final VarHandle WORD = ValueLayout.JAVA_INT.varHandle();

    @Override
    public int convert(MemorySegment pages, ByteRange range) {
      long from = range.offset() / PAGE_BYTES * PAGE_BYTES;
      try {
        for (long at = from; at < range.end(); at += PAGE_BYTES) {
          int _ = (int) WORD.getAndAdd(pages, at, 0);
        }
      } catch (InternalError e) {
        // How the JVM reports SIGBUS: the file system could not give the page.
        return Errno.EIO.result();
      }
      return 0;
    }
  }
}
