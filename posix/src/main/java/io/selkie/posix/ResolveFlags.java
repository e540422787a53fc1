package io.selkie.posix;

/** How {@code openat2(2)} may resolve a path. */
public final class ResolveFlags {
  /** Do not cross a mount point; EXDEV otherwise. */
  public static final long NO_XDEV = 0x01;

  /** Do not follow links such as those below /proc/self/fd; ELOOP otherwise. */
  public static final long NO_MAGICLINKS = 0x02;

  /** Follow no symbolic link in any component; ELOOP otherwise. */
  public static final long NO_SYMLINKS = 0x04;

  /** Stay beneath the directory descriptor; EXDEV otherwise, EAGAIN on a race. */
  public static final long BENEATH = 0x08;

  /** Treat the directory descriptor as the root. */
  public static final long IN_ROOT = 0x10;

  /** Only what needs no I/O; EAGAIN otherwise. */
  public static final long CACHED = 0x20;

  private ResolveFlags() {}
}
