package io.selkie.posix;

/** Modes of {@code fallocate(2)}; 0 allocates and may grow the file. */
public final class FallocateModes {
  /** Leave the size alone. */
  public static final int KEEP_SIZE = 0x01;

  /** Free the range; with {@link #KEEP_SIZE}. */
  public static final int PUNCH_HOLE = 0x02;

  /** Cut the range out. */
  public static final int COLLAPSE_RANGE = 0x08;

  /** Make the range read as zeroes, unwritten where possible. */
  public static final int ZERO_RANGE = 0x10;

  /** Open a gap. */
  public static final int INSERT_RANGE = 0x20;

  /** Give the file blocks of its own where it shares them. */
  public static final int UNSHARE_RANGE = 0x40;

  /** Like {@link #ZERO_RANGE} but written, from Linux 6.17 on where the device can. */
  public static final int WRITE_ZEROES = 0x80;

  private FallocateModes() {}
}
