package io.selkie.posix;

/** Modes of {@code faccessat2(2)}. */
public final class AccessModes {
  /** Only whether it exists. */
  public static final int EXISTS = 0;

  /** Execute, or search in a directory. */
  public static final int EXECUTE = 1;

  /** Write. */
  public static final int WRITE = 2;

  /** Read. */
  public static final int READ = 4;

  private AccessModes() {}
}
