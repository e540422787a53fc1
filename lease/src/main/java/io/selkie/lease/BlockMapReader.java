package io.selkie.lease;

import io.selkie.lease.BlockMap.Extent;
import io.selkie.posix.Errno;
import io.selkie.posix.FiemapFlags;
import io.selkie.posix.FiemapPage;
import io.selkie.posix.Kernel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.function.Function;

/**
 * Reads block maps with FIEMAP, page by page.
 *
 * <p>A map of more than one page is not read atomically. So each page but the first begins with the
 * last byte of the one before: when that byte is found elsewhere, the map moved in between and is
 * read again, a bounded number of times. Under a seal it does not move, save where writeback moves
 * it under a page cache.
 *
 * <p>Safe for use by several threads; a few pages are kept for reuse.
 */
public final class BlockMapReader {

  private static final int PAGES_KEPT_MAX = 4;
  private static final int TRIES_MAX = 4;
  private static final int INTERRUPTIONS_MAX = 16;

  /** No file system merges extents whose place it does not know. */
  private static final int COARSE = FiemapFlags.MERGED | FiemapFlags.UNKNOWN;

  private final Kernel kernel;
  private final int extentsPerPage;
  private final int extentsMax;
  private final ArrayBlockingQueue<FiemapPage> idlePages = new ArrayBlockingQueue<>(PAGES_KEPT_MAX);

  /** Answer to {@link #read}. */
  public sealed interface MapRead {
    /** The map, normalised: neighbours merged that need not be told apart. */
    record Found(BlockMap map) implements MapRead {}

    /**
     * The call failed.
     *
     * @param result {@code -errno}
     */
    record Failed(int result) implements MapRead {}

    /** More extents than the bound, even merged: ask for a smaller range. */
    record TooFragmented(int extentsMax) implements MapRead {}

    /** It moved while it was read, each time. */
    record Unstable(int tries) implements MapRead {}
  }

  /**
   * Reads by a kernel.
   *
   * @param extentsPerPage extents asked for in one call, 2 or more
   * @param extentsMax most extents of one map after merging
   */
  public BlockMapReader(Kernel kernel, int extentsPerPage, int extentsMax) {
    if (extentsPerPage < 2 || extentsMax < 1) {
      throw new IllegalArgumentException(extentsPerPage + " a page, " + extentsMax + " in all");
    }
    this.kernel = kernel;
    this.extentsPerPage = extentsPerPage;
    this.extentsMax = extentsMax;
  }

  /** Reads with the bounds of the settings. */
  public BlockMapReader(Kernel kernel, LeaseSettings settings) {
    this(kernel, settings.extentsPerPage(), settings.extentsPerMapMax());
  }

  /**
   * Reads the map of a range as it stands, without writing anything back first. Blocks as FIEMAP
   * blocks: behind the inode's lock.
   *
   * @param device what {@link BlockMap#device} shall be
   */
  public MapRead read(int fd, long device, ByteRange range) {
    return read(fd, device, range, false);
  }

  /**
   * The same, but a map with too many extents is told more coarsely instead of being refused: what
   * is allocated in one piece of the file becomes one extent without a place on the device. Enough
   * where only the page cache is reached, and copy-on-write may scatter the blocks as it likes.
   */
  public MapRead readCoarsely(int fd, long device, ByteRange range) {
    return read(fd, device, range, true);
  }

  /**
   * Writes back what waits in the page cache for a file, so that the next reading tells of the
   * blocks it went to as written. What cannot be written is still told to the next fsync of each
   * description. Blocks as a write to disk does.
   *
   * @param range any of the file
   * @return 0, or {@code -errno}
   */
  int writeBack(int fd, ByteRange range) {
    FiemapPage page = idlePage();
    try {
      return Math.min(0, fiemap(fd, range.offset(), 1, FiemapFlags.REQUEST_SYNC, page));
    } finally {
      page.clear();
      idlePages.offer(page);
    }
  }

  private FiemapPage idlePage() {
    FiemapPage page = idlePages.poll();
    return page == null ? new FiemapPage(extentsPerPage) : page;
  }

  /**
   * Asks something of the map as it is now, however many extents it has: where they are too many
   * for one map, of one half of it after the other.
   *
   * @param known whose range it is; asked instead of what cannot be read
   * @return the first answer there is
   */
  <T> Optional<T> firstOf(int fd, BlockMap known, Function<BlockMap, Optional<T>> question) {
    ByteRange range = known.range();
    return switch (read(fd, known.device(), range)) {
      case MapRead.Found(BlockMap now) -> question.apply(now);
      case MapRead.TooFragmented _ when range.length() > 1 -> {
        long half = range.length() / 2;
        var first = new ByteRange(range.offset(), half);
        var second = new ByteRange(range.offset() + half, range.length() - half);
        yield firstOf(fd, known.clip(first), question)
            .or(() -> firstOf(fd, known.clip(second), question));
      }
      default -> question.apply(known);
    };
  }

  private MapRead read(int fd, long device, ByteRange range, boolean coarsely) {
    FiemapPage page = idlePage();
    try {
      for (int attempt = 0; attempt < TRIES_MAX; attempt++) {
        MapRead read = readOnce(fd, device, range, page, coarsely);
        if (read != null) {
          return read;
        }
      }
      return new MapRead.Unstable(TRIES_MAX);
    } finally {
      page.clear();
      idlePages.offer(page);
    }
  }

  /** Null when the map moved between two pages. */
  private MapRead readOnce(
      int fd, long device, ByteRange range, FiemapPage page, boolean coarsely) {
    List<Extent> extents = new ArrayList<>();
    long from = range.offset();
    while (from < range.end()) {
      int count = fiemap(fd, from, range.end() - from, 0, page);
      if (count < 0) {
        return new MapRead.Failed(count);
      }
      long known = extents.isEmpty() ? range.offset() : extents.getLast().end();
      if (!extents.isEmpty() && (count == 0 || !isSamePlace(extents.getLast(), page))) {
        return null;
      }
      ByteRange unknown = new ByteRange(known, range.end() - known);
      for (int i = 0; i < count; i++) {
        if (!append(extents, page, i, unknown)) {
          return null;
        }
      }
      if (extents.size() > extentsMax && coarsely) {
        extents = coarse(extents);
      }
      if (extents.size() > extentsMax) {
        return new MapRead.TooFragmented(extentsMax);
      }
      if (count < page.capacity() || page.isLast()) {
        break;
      }
      long end = extents.isEmpty() ? known : extents.getLast().end();
      if (end >= range.end()) {
        break;
      }
      if (end <= known) {
        // A kernel that answers without getting on would be asked for ever.
        return new MapRead.Failed(Errno.EIO.result());
      }
      from = end - 1;
    }
    return new MapRead.Found(new BlockMap(device, range, extents));
  }

  private int fiemap(int fd, long from, long length, int flags, FiemapPage page) {
    int count = 0;
    for (int attempt = 0; attempt < INTERRUPTIONS_MAX; attempt++) {
      count = kernel.fiemap(fd, from, length, flags, page);
      if (!Errno.EINTR.is(count)) {
        break;
      }
    }
    return count;
  }

  /** Whether the first extent of a page has the last byte of an extent, in the same place. */
  private static boolean isSamePlace(Extent last, FiemapPage page) {
    long logical = page.logical(0);
    long lastByte = last.end() - 1;
    if (logical > lastByte || logical + page.length(0) <= lastByte) {
      return false;
    }
    if (isCoarse(last)) {
      return true;
    }
    int ignored = FiemapFlags.LAST | FiemapFlags.MERGED;
    return (page.flags(0) & ~ignored) == (last.flags() & ~ignored)
        && (!last.located() || page.physical(0) - logical == last.physical() - last.logical());
  }

  /** Whether extents were merged, so that nobody knows their places. */
  static boolean isCoarse(BlockMap map) {
    return map.extents().stream().anyMatch(BlockMapReader::isCoarse);
  }

  private static boolean isCoarse(Extent extent) {
    return (extent.flags() & COARSE) == COARSE;
  }

  /** Merges whatever follows each other in the file. */
  private static List<Extent> coarse(List<Extent> extents) {
    List<Extent> merged = new ArrayList<>();
    for (Extent extent : extents) {
      Extent last = merged.isEmpty() ? null : merged.getLast();
      if (last != null && last.end() == extent.logical()) {
        merged.set(
            merged.size() - 1,
            new Extent(
                last.logical(),
                0,
                last.length() + extent.length(),
                last.flags() | extent.flags() | COARSE));
      } else {
        merged.add(extent);
      }
    }
    return merged;
  }

  /** Adds an extent, clipped and merged; false when it does not follow those before it. */
  private static boolean append(List<Extent> extents, FiemapPage page, int index, ByteRange range) {
    Extent extent =
        new Extent(
            page.logical(index), page.physical(index), page.length(index), page.flags(index));
    if (extent.end() <= range.offset() || extent.logical() >= range.end()) {
      return true;
    }
    extent = extent.clip(range.offset(), range.end());
    if (!extents.isEmpty()) {
      Extent last = extents.getLast();
      if (extent.logical() < last.end()) {
        return false;
      }
      if (last.continuesIn(extent)) {
        extents.set(extents.size() - 1, last.joinedWith(extent));
        return true;
      }
    }
    extents.add(extent);
    return true;
  }
}
