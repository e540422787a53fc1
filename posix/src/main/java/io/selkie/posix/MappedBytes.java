package io.selkie.posix;

import java.lang.foreign.MemorySegment;

/**
 * Copies out of and into mappings of files, where any page may be gone at any moment: the file was
 * cut, the storage is bad, the device went away.
 *
 * <p>The kernel then sends a SIGBUS, of which the JVM makes an {@link InternalError}. But compiled
 * code learns of it late: the access is skipped, the thread goes on, and the error comes at the
 * next place where the JVM stops threads, which may be far behind the {@code catch} that was meant
 * for it; until then what was not copied looks copied. So each access here ends in such a place.
 *
 * <p>Only what the JVM guards may touch a mapping: copies and single values. Comparing, checksums
 * and the write-back of cache lines are not guarded; see {@link CacheLines} for the last.
 */
public final class MappedBytes {

  private static final Object NOBODYS_LOCK = new Object();

  private MappedBytes() {}

  /**
   * Copies, and knows whether it did. Allocates nothing; costs some 20 ns more than the copy.
   *
   * @return false when a page could not be had; then any part of it may have been copied
   * @throws IllegalStateException when one of the segments was closed
   */
  public static boolean copy(
      MemorySegment from, long fromOffset, MemorySegment to, long toOffset, long bytes) {
    try {
      MemorySegment.copy(from, fromOffset, to, toOffset, bytes);
      settle();
      return true;
    } catch (InternalError _) {
      return false;
    }
  }

  /**
   * To be called behind accesses to a mapping, within the {@code try} that is to catch their error.
   *
   * @throws InternalError when one of this thread's accesses since the last call failed, and the
   *     JVM has not said so yet
   */
  public static void settle() {
    // Any call of a native method that the JVM has no code of its own for: threads that come back
    // from one look for what is due to them.
    boolean _ = Thread.holdsLock(NOBODYS_LOCK);
  }
}
