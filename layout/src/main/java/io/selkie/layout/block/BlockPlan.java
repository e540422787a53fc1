package io.selkie.layout.block;

import io.selkie.layout.LayoutType.PlannedPart;
import io.selkie.lease.BlockMap;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.ByteRange;
import java.util.ArrayList;
import java.util.List;

/**
 * Cuts a block map into the extents of a block layout: one for each run of blocks. Holes are parts
 * too, with a map that has no extent, so that they are audited like all else; for writing there are
 * none, and the layout ends before the first.
 */
final class BlockPlan {

  /** What RFC 5663 section 2.1 wants extents to be aligned to. */
  private static final int SECTOR_BYTES = 512;

  private BlockPlan() {}

  static List<PlannedPart> parts(BlockMap map, boolean readWrite, int partsMax) {
    List<PlannedPart> parts = new ArrayList<>();
    long at = map.range().offset();
    for (Extent extent : map.extents()) {
      if (extent.logical() > at && !add(parts, map, at, extent.logical(), readWrite, partsMax)) {
        return parts;
      }
      boolean fits =
          parts.size() < partsMax
              && extent.located()
              && !(readWrite && extent.shared())
              && isAligned(extent);
      if (!fits) {
        return parts;
      }
      ByteRange range = new ByteRange(extent.logical(), extent.length());
      parts.add(new PlannedPart(range, new BlockMap(map.device(), range, List.of(extent))));
      at = extent.end();
    }
    if (at < map.range().end()) {
      add(parts, map, at, map.range().end(), readWrite, partsMax);
    }
    return parts;
  }

  /** Adds a hole; false when the layout ends before it. */
  private static boolean add(
      List<PlannedPart> parts, BlockMap map, long from, long to, boolean readWrite, int partsMax) {
    if (readWrite || parts.size() >= partsMax || (from | to) % SECTOR_BYTES != 0) {
      return false;
    }
    ByteRange range = new ByteRange(from, to - from);
    parts.add(new PlannedPart(range, new BlockMap(map.device(), range, List.of())));
    return true;
  }

  private static boolean isAligned(Extent extent) {
    return (extent.logical() | extent.length() | extent.physical()) % SECTOR_BYTES == 0;
  }
}
