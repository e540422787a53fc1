package io.selkie.posix;

/** Resources of {@code getrlimit(2)}. */
public final class ResourceLimits {
  /** Open descriptors. */
  public static final int NOFILE = 7;

  /** Bytes of locked memory. */
  public static final int MEMLOCK = 8;

  /** Bytes of address space. */
  public static final int AS = 9;

  private ResourceLimits() {}
}
