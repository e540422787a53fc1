package io.selkie.lease;

import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.BlockMapReader.MapRead;
import io.selkie.lease.Sealer.Preparation;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealOutcome.Refused;
import io.selkie.posix.Errno;
import io.selkie.posix.FallocateModes;
import io.selkie.posix.FiemapFlags;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.Kernel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Brings a range of a file into the form in which it may be granted: allocated, and where the
 * mapping is the storage also unshared and written.
 *
 * <p>A sparse file may be longer than the disk, so for writing only a window is prepared. What the
 * request needs is allocated if there is room for all of it; what is allocated ahead of requests
 * takes a small share of the free space at most, because nobody gives it back: to punch a block
 * that looks unwritten could destroy what another thread has just written into the page cache.
 *
 * <p>Nothing done here changes a byte, so nothing of it has to be undone: when it ends half-way,
 * for want of space for instance, the file has some more blocks of its own and reads as before. It
 * may therefore run at any time, before the lease as after it, and beside the server's own writers.
 */
final class RangePreparer {

  private static final int INTERRUPTIONS_MAX = 16;

  /** What is allocated ahead of requests is at most this part of the space that is available. */
  private static final int SHARE_AHEAD = 8;

  private static final long PAGE_BYTES = 4096;

  private final Kernel kernel;
  private final BlockMapReader reader;
  private final int triesMax;

  RangePreparer(Kernel kernel, BlockMapReader reader, int triesMax) {
    this.kernel = kernel;
    this.reader = reader;
    this.triesMax = triesMax;
  }

  /** Converts unwritten blocks; 0, or {@code -errno}. */
  @FunctionalInterface
  interface Converting {
    int convert(ByteRange range);
  }

  /** Answer to {@link #settle}. */
  sealed interface Settled {
    /** The range is fit, and this is its map. */
    record Fit(BlockMap map) implements Settled {}

    /** It is not. */
    record Unfit(Refused refused) implements Settled {}
  }

  /**
   * Reads the map of a range and mends what can be mended until it is fit, a bounded number of
   * times.
   *
   * @param range inside the file, or reaching past its end where blocks count
   * @param exact whether the mapping is the storage
   * @param preparation how much of it may be prepared for writing; the map ends where more would
   *     have to be
   * @param writtenEnd unwritten blocks behind this count as fit
   * @param converting how to convert unwritten blocks where exact; empty before there is a mapping:
   *     then they count as fit
   */
  Settled settle(
      SealTarget target,
      ByteRange range,
      boolean exact,
      Purpose purpose,
      Preparation preparation,
      long writtenEnd,
      Optional<Converting> converting) {
    var work =
        new Work(target, range.offset(), exact, purpose, preparation, writtenEnd, converting);
    ByteRange wanted = range;
    for (int attempt = 0; attempt < triesMax; attempt++) {
      long device = target.identity().device();
      MapRead read =
          exact
              ? reader.read(target.fd(), device, wanted)
              : reader.readCoarsely(target.fd(), device, wanted);
      if (read instanceof MapRead.TooFragmented && work.windowEnd < wanted.end()) {
        wanted = new ByteRange(wanted.offset(), work.windowEnd - wanted.offset());
        continue;
      }
      if (!(read instanceof MapRead.Found(BlockMap found))) {
        return new Settled.Unfit(Refusals.map(target, read));
      }
      BlockMap map = work.inWindow(found);
      wanted = map.range();
      Step step = work.mend(map);
      if (step.refused() != null) {
        return new Settled.Unfit(step.refused());
      }
      if (!step.mended()) {
        return new Settled.Fit(map);
      }
    }
    return new Settled.Unfit(
        Refusals.refused(
            Reason.MAP_CHANGED,
            "bytes "
                + range.offset()
                + "+"
                + range.length()
                + " of "
                + target.describe()
                + " did not stay prepared, "
                + triesMax
                + " times; somebody punches holes into it, try again when that ends"));
  }

  /**
   * One round of mending.
   *
   * @param mended whether anything was done: look again
   * @param refused why it cannot be mended, or null
   */
  private record Step(boolean mended, Refused refused) {
    static final Step FIT = new Step(false, null);
    static final Step MENDED = new Step(true, null);

    static Step refused(Refused refused) {
      return new Step(false, refused);
    }
  }

  /** The state of one call. */
  private final class Work {
    private final SealTarget target;
    private final boolean exact;
    private final Purpose purpose;
    private final long writtenEnd;
    private final Optional<Converting> converting;
    private final long leastEnd;

    /** Nothing beyond is prepared; moves down to {@link #leastEnd} when there is no room. */
    private long windowEnd;

    private boolean cannotUnshare;
    private boolean unsynced;

    Work(
        SealTarget target,
        long start,
        boolean exact,
        Purpose purpose,
        Preparation preparation,
        long writtenEnd,
        Optional<Converting> converting) {
      this.target = target;
      this.writtenEnd = writtenEnd;
      this.exact = exact;
      this.purpose = purpose;
      this.converting = converting;
      this.leastEnd = endOf(start, preparation.leastBytes());
      this.windowEnd =
          purpose == Purpose.READ ? Long.MAX_VALUE : endOf(start, preparation.windowBytes());
    }

    private static long endOf(long start, long length) {
      return start > Long.MAX_VALUE - length ? Long.MAX_VALUE : start + length;
    }

    /** The map up to the first bytes beyond the window that would have to be prepared. */
    BlockMap inWindow(BlockMap map) {
      ByteRange range = map.range();
      if (windowEnd >= range.end()) {
        return map;
      }
      int unfit =
          ExtentRules.hopelessFlags(exact, purpose)
              | FiemapFlags.SHARED
              | (exact ? FiemapFlags.UNWRITTEN : 0);
      long fitEnd = range.offset();
      for (Extent extent : map.extents()) {
        if (extent.logical() > Math.max(fitEnd, windowEnd)) {
          break;
        }
        if (extent.has(unfit) && extent.end() > windowEnd) {
          fitEnd = extent.logical();
          break;
        }
        fitEnd = extent.end();
      }
      long end = Math.min(range.end(), Math.max(windowEnd, fitEnd));
      return map.clip(new ByteRange(range.offset(), end - range.offset()));
    }

    Step mend(BlockMap map) {
      Extent hopeless = ExtentRules.firstWith(map, ExtentRules.hopelessFlags(exact, purpose));
      if (hopeless != null && !settlesWhenSynced(hopeless, map.range())) {
        return Step.refused(unsuitable(hopeless, "it stays where only the server reaches it"));
      }
      if (hopeless != null) {
        return sync();
      }
      if (purpose == Purpose.READ) {
        return Step.FIT;
      }
      List<ByteRange> holes = map.holes();
      if (!holes.isEmpty()) {
        return allocate(holes);
      }
      ByteRange shared = ExtentRules.around(map, FiemapFlags.SHARED);
      if (shared != null && !cannotUnshare) {
        return unshare(shared);
      }
      if (shared != null && exact) {
        return Step.refused(
            unsuitable(
                ExtentRules.firstWith(map, FiemapFlags.SHARED),
                "the file system cannot unshare it; copy the file without reflink"));
      }
      if (exact && converting.isPresent()) {
        return convert(map);
      }
      return Step.FIT;
    }

    private Step allocate(List<ByteRange> holes) {
      List<ByteRange> needed = new ArrayList<>();
      List<ByteRange> ahead = new ArrayList<>();
      for (ByteRange hole : holes) {
        long middle = Math.clamp(leastEnd, hole.offset(), hole.end());
        addIfAny(needed, hole.offset(), middle);
        addIfAny(ahead, middle, hole.end());
      }
      var room = new FileSystemStatus();
      boolean known = kernel.fstatfs(target.fd(), room) >= 0 && room.blocks() > 0;
      long free = known ? room.blocksFree() * room.fragmentSize() : Long.MAX_VALUE;
      long available = known ? room.blocksAvailable() * room.fragmentSize() : Long.MAX_VALUE;
      long neededBytes = needed.stream().mapToLong(ByteRange::length).sum();
      if (!needed.isEmpty()) {
        ByteRange around = around(needed);
        // The file system would allocate what it has before it finds out.
        int result = neededBytes > free ? Errno.ENOSPC.result() : fallocate(0, around);
        if (result < 0) {
          return Step.refused(Refusals.allocation(target, around, result));
        }
      }
      return allocateAhead(ahead, Math.max(0, available - neededBytes) / SHARE_AHEAD);
    }

    private Step allocateAhead(List<ByteRange> holes, long bytesMax) {
      List<ByteRange> fitting = new ArrayList<>();
      long left = bytesMax;
      for (ByteRange hole : holes) {
        if (hole.length() > left) {
          long end = hole.offset() + left & -PAGE_BYTES;
          addIfAny(fitting, hole.offset(), end);
          windowEnd = Math.max(leastEnd, Math.max(hole.offset(), end));
          break;
        }
        fitting.add(hole);
        left -= hole.length();
      }
      if (fitting.isEmpty()) {
        return Step.MENDED;
      }
      int result = fallocate(0, around(fitting));
      if (noRoom(result)) {
        windowEnd = leastEnd;
        return Step.MENDED;
      }
      return fallocated(around(fitting), result);
    }

    private static boolean noRoom(int result) {
      return Errno.ENOSPC.is(result) || Errno.EDQUOT.is(result);
    }

    private static void addIfAny(List<ByteRange> ranges, long from, long to) {
      if (from < to) {
        ranges.add(new ByteRange(from, to - from));
      }
    }

    private static ByteRange around(List<ByteRange> ranges) {
      long from = ranges.getFirst().offset();
      return new ByteRange(from, ranges.getLast().end() - from);
    }

    /**
     * Delayed allocation gets its place by writing back, and so does what a file had in its inode
     * before it outgrew that: ext4 tells of it as inline until then. Once.
     */
    private boolean settlesWhenSynced(Extent extent, ByteRange asked) {
      int hopelessNow = extent.flags() & ExtentRules.hopelessFlags(exact, purpose);
      boolean delayed =
          (hopelessNow & FiemapFlags.DELALLOC) != 0
              && (hopelessNow & ~(FiemapFlags.DELALLOC | FiemapFlags.UNKNOWN)) == 0;
      boolean outgrown = (hopelessNow & FiemapFlags.DATA_INLINE) != 0 && extent.end() < asked.end();
      return !unsynced && (delayed || outgrown);
    }

    private Step sync() {
      unsynced = true;
      int result = kernel.fsync(target.fd());
      return result < 0 ? Step.refused(Refusals.system("fsync", target, result)) : Step.MENDED;
    }

    private Step unshare(ByteRange shared) {
      int result = fallocate(FallocateModes.UNSHARE_RANGE, shared);
      if (FileProbes.isUnsupported(result) || Errno.EINVAL.is(result)) {
        cannotUnshare = true;
        return Step.MENDED;
      }
      if (noRoom(result) && shared.end() > leastEnd && windowEnd > leastEnd) {
        windowEnd = leastEnd;
        return Step.MENDED;
      }
      return fallocated(shared, result);
    }

    private Step convert(BlockMap map) {
      boolean converted = false;
      for (Extent extent : map.extents()) {
        long end = Math.min(extent.end(), writtenEnd);
        if (extent.unwritten() && extent.logical() < end) {
          int result =
              converting
                  .orElseThrow()
                  .convert(new ByteRange(extent.logical(), end - extent.logical()));
          if (result < 0) {
            return Step.refused(Refusals.system("zeroing through the mapping", target, result));
          }
          converted = true;
        }
      }
      if (!converted) {
        return Step.FIT;
      }
      // The conversion is in the file system's memory; after this it is what a reader of the map,
      // and a machine that starts anew, will see.
      int result = kernel.fsync(target.fd());
      return result < 0 ? Step.refused(Refusals.system("fsync", target, result)) : Step.MENDED;
    }

    private Step fallocated(ByteRange range, int result) {
      return result < 0 ? Step.refused(Refusals.allocation(target, range, result)) : Step.MENDED;
    }

    private int fallocate(int mode, ByteRange range) {
      int result = 0;
      for (int attempt = 0; attempt < INTERRUPTIONS_MAX; attempt++) {
        result =
            kernel.fallocate(
                target.fd(), mode | FallocateModes.KEEP_SIZE, range.offset(), range.length());
        if (!Errno.EINTR.is(result)) {
          break;
        }
      }
      return result;
    }

    private Refused unsuitable(Extent extent, String consequence) {
      return Refusals.refused(
          Reason.UNSUITABLE_EXTENTS,
          "bytes "
              + extent.logical()
              + "+"
              + extent.length()
              + " of "
              + target.describe()
              + " cannot be granted: "
              + ExtentRules.names(extent.flags())
              + "; "
              + consequence);
    }
  }
}
