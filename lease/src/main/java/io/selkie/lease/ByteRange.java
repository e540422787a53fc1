package io.selkie.lease;

/**
 * A range of file bytes.
 *
 * @param offset first byte, 0 or more
 * @param length number of bytes, 0 or more; {@code offset + length} does not overflow
 */
public record ByteRange(long offset, long length) {
  /** Checks the bounds. */
  public ByteRange {
    if (offset < 0 || length < 0 || offset > Long.MAX_VALUE - length) {
      throw new IllegalArgumentException("range " + offset + "+" + length);
    }
  }

  /** First byte after the range. */
  public long end() {
    return offset + length;
  }

  /** Whether both have a byte in common. */
  public boolean overlaps(ByteRange other) {
    return offset < other.end() && other.offset < end();
  }

  /** Whether every byte of {@code other} is in this one. */
  public boolean contains(ByteRange other) {
    return offset <= other.offset && other.end() <= end();
  }
}
