package io.selkie.posix;

/** Flags of {@code renameat2(2)}. */
public final class RenameFlags {
  /** EEXIST when the new name exists. */
  public static final int NOREPLACE = 0x1;

  /** Swap both names. */
  public static final int EXCHANGE = 0x2;

  private RenameFlags() {}
}
