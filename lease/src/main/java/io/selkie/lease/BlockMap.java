package io.selkie.lease;

import io.selkie.posix.FiemapFlags;
import java.util.ArrayList;
import java.util.List;

/**
 * A part of a file's block map as FIEMAP tells it, clipped to {@link #range()}; what no extent
 * covers is a hole.
 *
 * <p>On a file that the page cache stands in front of (a seal that is not {@link Seal#exact}) the
 * flags say nothing about content: data may wait in memory over an {@code UNWRITTEN} extent. There
 * an extent reads as data, whatever its flags.
 *
 * @param device the device the physical offsets are on ({@code stx_dev}, packed as in {@link
 *     FileIdentity#device})
 * @param range what was asked
 * @param extents sorted by logical offset, disjoint, inside the range
 */
public record BlockMap(long device, ByteRange range, List<Extent> extents) {

  /** Flags that tell where an extent stands in the answer, not what it is. */
  private static final int POSITION_FLAGS = FiemapFlags.LAST | FiemapFlags.MERGED;

  /** Copies the list and checks its order. */
  public BlockMap {
    extents = List.copyOf(extents);
    long from = range.offset();
    for (Extent extent : extents) {
      if (extent.logical < from || extent.end() > range.end()) {
        throw new IllegalArgumentException(
            extent + " overlaps the one before it or leaves " + range);
      }
      from = extent.end();
    }
  }

  /**
   * One extent.
   *
   * @param logical file offset in bytes
   * @param physical offset on the device in bytes; meaningless when the flags say so
   * @param length bytes, more than 0
   * @param flags every FIEMAP flag as the kernel gave it
   */
  public record Extent(long logical, long physical, long length, int flags) {
    /** Checks the bounds. */
    public Extent {
      if (logical < 0 || length <= 0 || logical > Long.MAX_VALUE - length) {
        throw new IllegalArgumentException("extent " + logical + "+" + length);
      }
    }

    /** First file byte after the extent. */
    public long end() {
      return logical + length;
    }

    /** Whether one of the flags is set, {@link FiemapFlags}. */
    public boolean has(int anyOfFlags) {
      return (flags & anyOfFlags) != 0;
    }

    /** Whether it is allocated but was never written, as the file system knows. */
    public boolean unwritten() {
      return has(FiemapFlags.UNWRITTEN);
    }

    /** Whether other files share its blocks. */
    public boolean shared() {
      return has(FiemapFlags.SHARED);
    }

    /** Whether {@link #physical} means something. */
    public boolean located() {
      return !has(
          FiemapFlags.UNKNOWN
              | FiemapFlags.DELALLOC
              | FiemapFlags.DATA_INLINE
              | FiemapFlags.ENCODED);
    }

    /** The flags without those that only say where the extent stands in the answer. */
    int essentialFlags() {
      return flags & ~POSITION_FLAGS;
    }

    Extent clip(long from, long to) {
      long start = Math.max(from, logical);
      long end = Math.min(to, end());
      if (start == logical && end == end()) {
        return this;
      }
      return new Extent(
          start, located() ? physical + (start - logical) : physical, end - start, flags);
    }

    /** Whether the next one goes on where this one ends, in the file and on the device. */
    boolean continuesIn(Extent next) {
      return next.logical == end()
          && next.essentialFlags() == essentialFlags()
          && located()
          && next.physical == physical + length;
    }

    Extent joinedWith(Extent next) {
      return new Extent(logical, physical, length + next.length, flags | next.flags);
    }
  }

  /**
   * The part inside another range.
   *
   * @param wanted may reach beyond {@link #range()}; what lies outside is cut off
   */
  public BlockMap clip(ByteRange wanted) {
    if (wanted.contains(range)) {
      return this;
    }
    long from = Math.max(range.offset(), wanted.offset());
    long to = Math.max(from, Math.min(range.end(), wanted.end()));
    ByteRange clipped = new ByteRange(from, to - from);
    int first = firstEndingAfter(from);
    int end = first;
    if (from < to) {
      while (end < extents.size() && extents.get(end).logical < to) {
        end++;
      }
    }
    if (first == end) {
      return new BlockMap(device, clipped, List.of());
    }
    List<Extent> inside = extents.subList(first, end);
    if (inside.getFirst().logical < from || inside.getLast().end() > to) {
      inside = new ArrayList<>(inside);
      inside.set(0, inside.getFirst().clip(from, to));
      inside.set(inside.size() - 1, inside.getLast().clip(from, to));
    }
    return new BlockMap(device, clipped, inside);
  }

  /** The first extent that reaches past an offset; their number when there is none. */
  private int firstEndingAfter(long offset) {
    int low = 0;
    int high = extents.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (extents.get(middle).end() <= offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /**
   * The same map with neighbours merged that follow each other in the file and on the device and
   * have the same flags. File systems cut long extents as they like, and join them as they like.
   */
  public BlockMap normalised() {
    List<Extent> merged = new ArrayList<>(extents.size());
    for (Extent extent : extents) {
      Extent last = merged.isEmpty() ? null : merged.getLast();
      if (last != null && last.continuesIn(extent)) {
        merged.set(merged.size() - 1, last.joinedWith(extent));
      } else {
        merged.add(extent);
      }
    }
    return merged.size() == extents.size() ? this : new BlockMap(device, range, merged);
  }

  /** What no extent covers, in order. */
  public List<ByteRange> holes() {
    List<ByteRange> holes = new ArrayList<>();
    long from = range.offset();
    for (Extent extent : extents) {
      if (extent.logical > from) {
        holes.add(new ByteRange(from, extent.logical - from));
      }
      from = extent.end();
    }
    if (from < range.end()) {
      holes.add(new ByteRange(from, range.end() - from));
    }
    return holes;
  }

  /** Bytes that extents cover. */
  public long allocatedBytes() {
    long bytes = 0;
    for (Extent extent : extents) {
      bytes += extent.length;
    }
    return bytes;
  }
}
