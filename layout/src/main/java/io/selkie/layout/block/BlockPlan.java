package io.selkie.layout.block;

import io.selkie.layout.LayoutType.PlannedPart;
import io.selkie.lease.BlockMap;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.ByteRange;
import java.util.ArrayList;
import java.util.List;

/**
 * Cuts a block map into the parts of a block layout. A part is some extents that follow each other
 * and are alike in what they are to a client and to the arbiter: what is granted, recalled and
 * audited together costs little for each of them. Holes are parts too, with a map that has no
 * extent, so that they are audited like all else; for writing there are none, and the layout ends
 * before the first.
 */
final class BlockPlan {

  /** What RFC 5663 section 2.1 wants extents to be aligned to. */
  private static final int SECTOR_BYTES = 512;

  /** So that not all of a file is recalled for a change of some of it. */
  static final int EXTENTS_PER_PART_MAX = 256;

  private final BlockMap map;
  private final boolean readWrite;
  private final int extentsMax;
  private final List<PlannedPart> parts = new ArrayList<>();
  private int extents;

  private BlockPlan(BlockMap map, boolean readWrite, int extentsMax) {
    this.map = map;
    this.readWrite = readWrite;
    this.extentsMax = extentsMax;
  }

  static List<PlannedPart> parts(BlockMap map, boolean readWrite, int extentsMax) {
    BlockPlan plan = new BlockPlan(map, readWrite, extentsMax);
    plan.cut();
    return plan.parts;
  }

  private void cut() {
    long at = map.range().offset();
    List<Extent> all = map.extents();
    for (int next = 0; next < all.size(); ) {
      Extent first = all.get(next);
      if (first.logical() > at && !addHole(at, first.logical())) {
        return;
      }
      int end = next;
      while (end < all.size()
          && end - next < EXTENTS_PER_PART_MAX
          && extents + end - next < extentsMax
          && fits(all.get(end))
          && (end == next || goesOn(all.get(end - 1), all.get(end)))) {
        end++;
      }
      if (end == next) {
        return;
      }
      at = all.get(end - 1).end();
      add(first.logical(), at, all.subList(next, end));
      extents += end - next;
      next = end;
    }
    if (at < map.range().end()) {
      addHole(at, map.range().end());
    }
  }

  private boolean fits(Extent extent) {
    return extent.located() && !(readWrite && extent.shared()) && isAligned(extent);
  }

  /** Whether one can be in the part of the one before it. */
  private static boolean goesOn(Extent before, Extent extent) {
    return before.end() == extent.logical()
        && before.unwritten() == extent.unwritten()
        && before.shared() == extent.shared();
  }

  private void add(long from, long to, List<Extent> blocks) {
    ByteRange range = new ByteRange(from, to - from);
    parts.add(new PlannedPart(range, new BlockMap(map.device(), range, blocks)));
  }

  /** Adds a hole; false when the layout ends before it. */
  private boolean addHole(long from, long to) {
    if (readWrite || extents >= extentsMax || (from | to) % SECTOR_BYTES != 0) {
      return false;
    }
    add(from, to, List.of());
    extents++;
    return true;
  }

  private static boolean isAligned(Extent extent) {
    return (extent.logical() | extent.length() | extent.physical()) % SECTOR_BYTES == 0;
  }
}
