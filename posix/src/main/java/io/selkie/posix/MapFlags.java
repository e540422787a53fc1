package io.selkie.posix;

/** Protections and flags of {@code mmap(2)} and {@code msync(2)}. */
public final class MapFlags {
  /** No access. */
  public static final int PROT_NONE = 0;

  /** Readable. */
  public static final int PROT_READ = 1;

  /** Writable. */
  public static final int PROT_WRITE = 2;

  /** Writes reach the file. */
  public static final int SHARED = 0x01;

  /** Writes stay here. */
  public static final int PRIVATE = 0x02;

  /** Like {@link #SHARED}, but unknown flags are refused with EOPNOTSUPP. */
  public static final int SHARED_VALIDATE = 0x03;

  /** No file. */
  public static final int ANONYMOUS = 0x20;

  /** Fault all pages in now. */
  public static final int POPULATE = 0x8000;

  /** {@code MAP_SYNC}: the mapping is the storage; needs {@link #SHARED_VALIDATE} and DAX. */
  public static final int SYNC = 0x80000;

  /** msync: begin. */
  public static final int MSYNC_ASYNC = 1;

  /** msync: wait until it is durable. */
  public static final int MSYNC_SYNC = 4;

  private MapFlags() {}
}
