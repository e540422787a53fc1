package io.selkie.lease;

import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.BlockMapReader.MapRead;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealOutcome.Refused;
import io.selkie.posix.Errno;
import io.selkie.posix.FallocateModes;
import io.selkie.posix.FiemapFlags;
import io.selkie.posix.Kernel;
import java.util.List;
import java.util.Optional;

/**
 * Brings a range of a file into the form in which it may be granted: allocated, and where the
 * mapping is the storage also unshared and written.
 *
 * <p>Nothing done here changes a byte, so nothing of it has to be undone: when it ends half-way,
 * for want of space for instance, the file has some more blocks of its own and reads as before. It
 * may therefore run at any time, before the lease as after it, and beside the server's own writers.
 */
final class RangePreparer {

  private static final int INTERRUPTIONS_MAX = 16;

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
   * @param range inside the file
   * @param exact whether the mapping is the storage
   * @param converting how to convert unwritten blocks where exact; empty before there is a mapping:
   *     then they count as fit
   */
  Settled settle(
      SealTarget target,
      ByteRange range,
      boolean exact,
      Purpose purpose,
      Optional<Converting> converting) {
    var work = new Work(target, exact, purpose, converting);
    for (int attempt = 0; attempt < triesMax; attempt++) {
      long device = target.identity().device();
      MapRead read =
          exact
              ? reader.read(target.fd(), device, range)
              : reader.readCoarsely(target.fd(), device, range);
      if (!(read instanceof MapRead.Found(BlockMap map))) {
        return new Settled.Unfit(Refusals.map(target, read));
      }
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
    private final Optional<Converting> converting;
    private boolean cannotUnshare;
    private boolean unsynced;

    Work(SealTarget target, boolean exact, Purpose purpose, Optional<Converting> converting) {
      this.target = target;
      this.exact = exact;
      this.purpose = purpose;
      this.converting = converting;
    }

    Step mend(BlockMap map) {
      Extent hopeless = ExtentRules.firstWith(map, ExtentRules.hopelessFlags(exact, purpose));
      if (hopeless != null && !settlesWhenSynced(hopeless)) {
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
        long from = holes.getFirst().offset();
        ByteRange around = new ByteRange(from, holes.getLast().end() - from);
        return fallocated(around, fallocate(0, around));
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

    /** Delayed allocation gets its place by writing back; once. */
    private boolean settlesWhenSynced(Extent extent) {
      int hopelessNow = extent.flags() & ExtentRules.hopelessFlags(exact, purpose);
      return !unsynced
          && (hopelessNow & FiemapFlags.DELALLOC) != 0
          && (hopelessNow & ~(FiemapFlags.DELALLOC | FiemapFlags.UNKNOWN)) == 0;
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
      return fallocated(shared, result);
    }

    private Step convert(BlockMap map) {
      boolean converted = false;
      for (Extent extent : map.extents()) {
        if (extent.unwritten()) {
          int result =
              converting.orElseThrow().convert(new ByteRange(extent.logical(), extent.length()));
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
