package io.selkie.lease;

import io.selkie.posix.Errno;
import io.selkie.posix.FadviseAdvice;
import io.selkie.posix.Kernel;

/**
 * Keeps the page cache of files from standing between them and their device, where clients reach
 * that by themselves. Blocks as a write to disk does. Safe for use by several threads.
 */
public final class PageCache {

  /** What a call came to that ended in another way than the kernel's. */
  public static final int FAILED = Errno.EIO.result();

  private final Kernel kernel;

  /** Of a kernel. */
  public PageCache(Kernel kernel) {
    this.kernel = kernel;
  }

  /**
   * Whether the kernel can tell what is in the cache; without that nobody knows whether it was
   * dropped.
   *
   * @param fd of anything
   * @return 0, or {@code -errno}
   */
  public int isKnown(int fd) {
    return (int) Math.min(0, kernel.cachedPages(fd, 0, 1));
  }

  /** What went wrong, for people. */
  public static String describe(int result) {
    return Errno.describe(result);
  }

  /** Brings what was written to the device; 0, or {@code -errno}. */
  public int writeBack(SealTarget target) {
    return kernel.fdatasync(target.fd());
  }

  /**
   * The same, and forgets a range, so that the next read of it comes from the device. Nobody may
   * read or write the file through the cache meanwhile.
   *
   * @param range whole pages
   * @return 0; EBUSY when some of it stays
   */
  public int drop(SealTarget target, ByteRange range) {
    int result = writeBack(target);
    return result < 0 ? result : forget(target, range);
  }

  /**
   * Forgets a range of what was written back before: for many ranges of one file, which needs to be
   * written back once.
   *
   * @param range whole pages
   * @return 0; EBUSY when some of it stays
   */
  public int forget(SealTarget target, ByteRange range) {
    long cached = forget(target.fd(), range.offset(), range.length(), range);
    if (cached > 0) {
      // What is kept in larger pieces, which reach beyond the range, goes as a whole only.
      cached = forget(target.fd(), 0, 0, range);
    }
    return cached > 0 ? Errno.EBUSY.result() : (int) cached;
  }

  /** How many pages of the range stay, or {@code -errno}. */
  private long forget(int fd, long offset, long length, ByteRange range) {
    int result = kernel.fadvise(fd, offset, length, FadviseAdvice.DONT_NEED);
    return result < 0 ? result : kernel.cachedPages(fd, range.offset(), range.length());
  }
}
