package io.selkie.posix;

/** Flags of {@code FS_IOC_FIEMAP}: of a request, and of an extent. */
public final class FiemapFlags {
  /** Request: write delayed data back first. */
  public static final int REQUEST_SYNC = 0x1;

  /** Request: the map of the extended attributes. */
  public static final int REQUEST_XATTR = 0x2;

  /** Extent: the last one of the file. */
  public static final int LAST = 0x1;

  /** Extent: no location yet. */
  public static final int UNKNOWN = 0x2;

  /** Extent: allocation is delayed; comes with {@link #UNKNOWN}. */
  public static final int DELALLOC = 0x4;

  /** Extent: compressed or otherwise not plain data. */
  public static final int ENCODED = 0x8;

  /** Extent: encrypted; comes with {@link #ENCODED}. */
  public static final int DATA_ENCRYPTED = 0x80;

  /** Extent: offsets may be unaligned. */
  public static final int NOT_ALIGNED = 0x100;

  /** Extent: data lies among metadata. */
  public static final int DATA_INLINE = 0x200;

  /** Extent: packed with tails of other files. */
  public static final int DATA_TAIL = 0x400;

  /** Extent: allocated, reads as zeroes. */
  public static final int UNWRITTEN = 0x800;

  /** Extent: put together from many by the file system. */
  public static final int MERGED = 0x1000;

  /** Extent: blocks shared with another file. */
  public static final int SHARED = 0x2000;

  private FiemapFlags() {}
}
