package io.selkie.posix;

/** Flags of the {@code *at} calls. */
public final class AtFlags {
  /** Of a symbolic link itself. */
  public static final int SYMLINK_NOFOLLOW = 0x100;

  /** {@code unlinkat}: remove a directory. */
  public static final int REMOVEDIR = 0x200;

  /** {@code faccessat2}: ask with the effective ids. */
  public static final int EACCESS = 0x200;

  /** {@code linkat}: follow a symbolic link. */
  public static final int SYMLINK_FOLLOW = 0x400;

  /** Do not trigger an automount. */
  public static final int NO_AUTOMOUNT = 0x800;

  /** With an empty name: the descriptor itself. */
  public static final int EMPTY_PATH = 0x1000;

  private AtFlags() {}
}
