package io.selkie.posix;

/** Advice of {@code posix_fadvise(2)}; the same numbers on x86-64 and 64-bit ARM. */
public final class FadviseAdvice {
  /** Nothing special. */
  public static final int NORMAL = 0;

  /** In no order: no reading ahead. */
  public static final int RANDOM = 1;

  /** From the beginning to the end: reading further ahead. */
  public static final int SEQUENTIAL = 2;

  /** Soon: reading begins, in the background. */
  public static final int WILL_NEED = 3;

  /** Not soon: what is clean may leave the cache. */
  public static final int DONT_NEED = 4;

  /** Once. */
  public static final int NO_REUSE = 5;

  private FadviseAdvice() {}
}
