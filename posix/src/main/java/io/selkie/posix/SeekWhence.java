package io.selkie.posix;

/** Origins of {@code lseek(2)}. */
public final class SeekWhence {
  /** From the start. */
  public static final int SET = 0;

  /** From where it stands. */
  public static final int CURRENT = 1;

  /** From the end of file. */
  public static final int END = 2;

  /** The next data at or after the offset. */
  public static final int DATA = 3;

  /** The next hole at or after the offset. */
  public static final int HOLE = 4;

  private SeekWhence() {}
}
