package io.selkie.layout;

import io.selkie.lease.ByteRange;

/** Ranges as NFS names them: unsigned, with all ones for "to the end". */
final class Ranges {

  /** NFS4_UINT64_MAX as a length: to the end of the file, whatever its length. */
  static final long TO_THE_END = -1L;

  /** Every byte a file can have. */
  static final ByteRange WHOLE = new ByteRange(0, Long.MAX_VALUE);

  private Ranges() {}

  static ByteRange between(long offset, long end) {
    return new ByteRange(offset, end - offset);
  }

  /** Whether offset + length goes beyond NFS4_UINT64_MAX, which a length of all ones never does. */
  static boolean overflows(long offset, long length) {
    return length != TO_THE_END && Long.compareUnsigned(-1L - offset, length) < 0;
  }

  /** The range clipped to what a file can have; past that it is empty. */
  static ByteRange clip(long offset, long length) {
    if (offset < 0) {
      return new ByteRange(Long.MAX_VALUE, 0);
    }
    long room = Long.MAX_VALUE - offset;
    return new ByteRange(offset, length < 0 || length > room ? room : length);
  }

  /** The part both have; null when there is none. */
  static ByteRange intersection(ByteRange a, ByteRange b) {
    long offset = Math.max(a.offset(), b.offset());
    long end = Math.min(a.end(), b.end());
    return offset < end ? between(offset, end) : null;
  }

  /** The smallest range around both. */
  static ByteRange hull(ByteRange a, ByteRange b) {
    return between(Math.min(a.offset(), b.offset()), Math.max(a.end(), b.end()));
  }
}
