package io.selkie.layout.rdma;

import io.selkie.layout.LayoutType.PlannedPart;
import io.selkie.lease.BlockMap;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.ByteRange;
import java.util.ArrayList;
import java.util.List;

/**
 * Cuts a block map into the extents of an RDMA layout: data that is contiguous in the file becomes
 * one extent, wherever its blocks are, because clients address the mapping; what is longer than a
 * region may be is split.
 *
 * <p>Holes become NONE_DATA. Unwritten blocks do so only where the mapping is the storage: on page
 * cache files the mapping reads them as the zeroes, or the data not yet written back, that they
 * hold. A read-write layout has no holes: it ends before the first.
 */
final class RdmaPlan {

  /** FIEMAP_EXTENT_UNWRITTEN. */
  private static final int UNWRITTEN = 0x800;

  private final BlockMap map;
  private final boolean exact;
  private final boolean readWrite;
  private final long regionBytesMax;
  private final List<PlannedPart> parts = new ArrayList<>();
  private int partsMax;

  RdmaPlan(BlockMap map, boolean exact, boolean readWrite, long regionBytesMax) {
    this.map = map;
    this.exact = exact;
    this.readWrite = readWrite;
    this.regionBytesMax = regionBytesMax;
  }

  List<PlannedPart> parts(int limit) {
    partsMax = limit;
    long end = map.range().end();
    long at = map.range().offset();
    int next = 0;
    List<Extent> extents = map.extents();
    while (at < end && parts.size() < partsMax) {
      int first = next;
      long dataEnd = at;
      while (next < extents.size()
          && extents.get(next).logical() <= dataEnd
          && isData(extents.get(next))) {
        dataEnd = Math.max(dataEnd, extents.get(next).end());
        next++;
      }
      if (dataEnd > at) {
        addData(at, Math.min(dataEnd, end), extents.subList(first, next));
        at = dataEnd;
      } else if (readWrite) {
        break;
      } else {
        while (next < extents.size() && !isData(extents.get(next))) {
          next++;
        }
        long holeEnd = next < extents.size() ? extents.get(next).logical() : end;
        parts.add(new PlannedPart(range(at, holeEnd), null));
        at = holeEnd;
      }
    }
    return parts;
  }

  private boolean isData(Extent extent) {
    return !exact || (extent.flags() & UNWRITTEN) == 0;
  }

  private void addData(long start, long end, List<Extent> extents) {
    long at = start;
    while (at < end && parts.size() < partsMax) {
      long stop = end - at > regionBytesMax ? at + regionBytesMax : end;
      parts.add(new PlannedPart(range(at, stop), slice(extents, at, stop)));
      at = stop;
    }
  }

  private BlockMap slice(List<Extent> extents, long start, long end) {
    List<Extent> inside = new ArrayList<>();
    for (Extent extent : extents) {
      long from = Math.max(start, extent.logical());
      long to = Math.min(end, extent.end());
      if (from < to) {
        inside.add(
            new Extent(
                from, extent.physical() + (from - extent.logical()), to - from, extent.flags()));
      }
    }
    return new BlockMap(map.device(), range(start, end), inside);
  }

  private static ByteRange range(long start, long end) {
    return new ByteRange(start, end - start);
  }
}
