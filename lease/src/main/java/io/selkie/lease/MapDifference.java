package io.selkie.lease;

import io.selkie.lease.BlockMap.Extent;
import io.selkie.posix.FiemapFlags;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * How a block map read now differs from the one that was granted (S2).
 *
 * @param where the first bytes that differ
 * @param what one clause for the log
 */
public record MapDifference(ByteRange where, String what) {

  /**
   * Compares exactly, for files whose mapping is the storage: every byte of the granted range lies
   * where it lay, a hole is still a hole, and nothing else about it has changed. How the extents
   * are cut does not matter, nor do the flags LAST and MERGED; that blocks are no longer SHARED,
   * because the other file went away, is no difference, but that they became shared is one. Nor is
   * it one that unwritten blocks were written where they are: that is what a commit does.
   *
   * @param granted what handles were made from
   * @param now a map of at least the same range
   */
  public static Optional<MapDifference> exact(BlockMap granted, BlockMap now) {
    requireCovers(granted, now);
    if (granted.device() != now.device()) {
      return Optional.of(
          new MapDifference(
              granted.range(),
              String.format(Locale.ROOT, "device %x became %x", granted.device(), now.device())));
    }
    var before = new Cursor(granted.extents());
    var after = new Cursor(now.extents());
    long at = granted.range().offset();
    long end = granted.range().end();
    while (at < end) {
      before.moveTo(at);
      after.moveTo(at);
      long until = Math.min(end, Math.min(before.changesAfter(at), after.changesAfter(at)));
      String what = before.differsFrom(after, at);
      if (what != null) {
        return Optional.of(new MapDifference(new ByteRange(at, until - at), what));
      }
      at = until;
    }
    return Optional.empty();
  }

  /**
   * Compares by the page-cache rule, for files whose mapping is the page cache: what was granted is
   * still inside the file, and what was allocated still is. Where the blocks lie does not matter.
   *
   * @param granted what handles were made from
   * @param now a map of at least the same range
   * @param fileSizeBytes the file's size, asked after {@code now} was read
   */
  public static Optional<MapDifference> pageCache(
      BlockMap granted, BlockMap now, long fileSizeBytes) {
    requireCovers(granted, now);
    if (granted.range().end() > fileSizeBytes) {
      long from = Math.max(fileSizeBytes, granted.range().offset());
      return Optional.of(
          new MapDifference(
              new ByteRange(from, granted.range().end() - from),
              "the file now ends at " + fileSizeBytes));
    }
    var after = new Cursor(now.extents());
    for (Extent extent : granted.extents()) {
      long at = extent.logical();
      while (at < extent.end()) {
        after.moveTo(at);
        long until = Math.min(extent.end(), after.changesAfter(at));
        if (after.covering(at) == null) {
          return Optional.of(
              new MapDifference(new ByteRange(at, until - at), "was allocated, is a hole"));
        }
        at = until;
      }
    }
    return Optional.empty();
  }

  private static void requireCovers(BlockMap granted, BlockMap now) {
    if (!now.range().contains(granted.range())) {
      throw new IllegalArgumentException(
          "map of " + now.range() + " says nothing of " + granted.range());
    }
  }

  /** Walks extents in the order of the file. */
  private static final class Cursor {
    private final List<Extent> extents;
    private int next;

    Cursor(List<Extent> extents) {
      this.extents = extents;
    }

    /** Skips what ends at or before an offset; offsets never go back. */
    void moveTo(long offset) {
      while (next < extents.size() && extents.get(next).end() <= offset) {
        next++;
      }
    }

    /** The extent over an offset just moved to, or null in a hole. */
    Extent covering(long offset) {
      return next < extents.size() && extents.get(next).logical() <= offset
          ? extents.get(next)
          : null;
    }

    /** Where the extent or hole at an offset ends. */
    long changesAfter(long offset) {
      if (next == extents.size()) {
        return Long.MAX_VALUE;
      }
      Extent extent = extents.get(next);
      return extent.logical() > offset ? extent.logical() : extent.end();
    }

    /** A clause saying how the other differs at an offset, or null. */
    String differsFrom(Cursor other, long offset) {
      Extent was = covering(offset);
      Extent is = other.covering(offset);
      if (was == null) {
        return is == null ? null : "was a hole, is allocated";
      }
      if (is == null) {
        return "became a hole";
      }
      int wasFlags = was.essentialFlags();
      int isFlags = is.essentialFlags() | (wasFlags & (FiemapFlags.SHARED | FiemapFlags.UNWRITTEN));
      if (wasFlags != isFlags) {
        return String.format(Locale.ROOT, "flags 0x%x became 0x%x", was.flags(), is.flags());
      }
      long wasAt = was.physical() + (offset - was.logical());
      long isAt = is.physical() + (offset - is.logical());
      if (was.located() && wasAt != isAt) {
        return String.format(Locale.ROOT, "moved from 0x%x to 0x%x on the device", wasAt, isAt);
      }
      return null;
    }
  }
}
