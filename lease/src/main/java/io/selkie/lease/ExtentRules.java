package io.selkie.lease;

import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.posix.FiemapFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Which extents may be granted.
 *
 * <p>Where the mapping is the storage (exact), remote accesses reach the blocks themselves: an
 * extent must have a fixed place and hold plain data, and to be written it must be written already
 * and belong to this file alone. A read may meet holes, unwritten and shared extents: the first two
 * read as zeroes, and nobody can change the last while the file is sealed exclusively.
 *
 * <p>Behind a page cache clients only touch the mapping, which shows plain bytes however the file
 * system keeps them (compressed, encrypted, delayed, shared). For writing, all of it must be
 * allocated, so that no remote write can fail for want of space, and data that lies among metadata
 * or shares a block with other files' tails is refused, because it has no blocks of its own.
 */
final class ExtentRules {

  private static final int NOT_IN_PLACE =
      FiemapFlags.UNKNOWN
          | FiemapFlags.DELALLOC
          | FiemapFlags.ENCODED
          | FiemapFlags.DATA_ENCRYPTED
          | FiemapFlags.NOT_ALIGNED
          | FiemapFlags.DATA_INLINE
          | FiemapFlags.DATA_TAIL;
  private static final int NO_BLOCKS_OF_ITS_OWN = FiemapFlags.DATA_INLINE | FiemapFlags.DATA_TAIL;

  private ExtentRules() {}

  /** Extents that preparing cannot mend: those flags of each that stand in the way. */
  static int hopelessFlags(boolean exact, Purpose purpose) {
    if (exact) {
      return NOT_IN_PLACE;
    }
    return purpose == Purpose.READ_WRITE ? NO_BLOCKS_OF_ITS_OWN : 0;
  }

  /** The first extent with one of the flags, or null. */
  static Extent firstWith(BlockMap map, int flags) {
    for (Extent extent : map.extents()) {
      if (extent.has(flags)) {
        return extent;
      }
    }
    return null;
  }

  /** The smallest range around all extents with one of the flags, or null when there is none. */
  static ByteRange around(BlockMap map, int flags) {
    Extent first = null;
    Extent last = null;
    for (Extent extent : map.extents()) {
      if (extent.has(flags)) {
        first = first == null ? extent : first;
        last = extent;
      }
    }
    return first == null ? null : new ByteRange(first.logical(), last.end() - first.logical());
  }

  /** Names of flags, for people. */
  static String names(int flags) {
    List<String> names = new ArrayList<>();
    int rest = flags;
    for (Name name : Name.values()) {
      if ((flags & name.flag) != 0) {
        names.add(name.name().toLowerCase(Locale.ROOT).replace('_', ' '));
        rest &= ~name.flag;
      }
    }
    if (rest != 0) {
      names.add(String.format(Locale.ROOT, "0x%x", rest));
    }
    return String.join(", ", names);
  }

  private enum Name {
    UNKNOWN_PLACE(FiemapFlags.UNKNOWN),
    DELAYED(FiemapFlags.DELALLOC),
    ENCODED(FiemapFlags.ENCODED),
    ENCRYPTED(FiemapFlags.DATA_ENCRYPTED),
    NOT_ALIGNED(FiemapFlags.NOT_ALIGNED),
    INLINE(FiemapFlags.DATA_INLINE),
    PACKED_TAIL(FiemapFlags.DATA_TAIL),
    UNWRITTEN(FiemapFlags.UNWRITTEN),
    SHARED(FiemapFlags.SHARED);

    private final int flag;

    Name(int flag) {
      this.flag = flag;
    }
  }
}
