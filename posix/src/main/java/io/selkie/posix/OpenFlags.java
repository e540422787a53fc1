package io.selkie.posix;

/**
 * Flags of {@code openat2(2)} and {@code open_by_handle_at(2)}, with the values they have on this
 * machine's architecture (those of x86-64 and of 64-bit ARM differ).
 */
public final class OpenFlags {
  /** Open for reading only. */
  public static final long RDONLY = 0;

  /** Open for writing only. */
  public static final long WRONLY = 1;

  /** Open for reading and writing. */
  public static final long RDWR = 2;

  /** Make the file when it does not exist. */
  public static final long CREAT = 0x40;

  /** With {@link #CREAT}: fail with EEXIST when it exists. */
  public static final long EXCL = 0x80;

  /** Do not become the controlling terminal. */
  public static final long NOCTTY = 0x100;

  /** Cut to length 0. Breaks leases: never used on exported files. */
  public static final long TRUNC = 0x200;

  /** Answer EAGAIN instead of waiting for the holder of a lease, or for the peer of a fifo. */
  public static final long NONBLOCK = 0x800;

  /** Bypass the page cache. */
  public static final long DIRECT = Machine.current().openDirect();

  /** Fail with ENOTDIR when it is no directory. */
  public static final long DIRECTORY = Machine.current().openDirectory();

  /** Do not follow a symbolic link as the last component. */
  public static final long NOFOLLOW = Machine.current().openNofollow();

  /** Do not update the access time; needs ownership. */
  public static final long NOATIME = 0x40000;

  /** Close when another program is started. Every descriptor of ours has it. */
  public static final long CLOEXEC = 0x80000;

  /** Name the inode without opening it: breaks no lease, needs no right on the file. */
  public static final long PATH = 0x200000;

  /** A file without a name in the directory that is named; a name comes by {@code linkat}. */
  public static final long TMPFILE = 0x400000 | DIRECTORY;

  private OpenFlags() {}
}
