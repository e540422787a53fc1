package io.selkie.posix;

/** Flags of {@code setxattr(2)}; 0 sets the value whether or not there was one. */
public final class XattrFlags {
  /** Only if there is none; EEXIST otherwise. */
  public static final int CREATE = 0x1;

  /** Only if there is one; ENODATA otherwise. */
  public static final int REPLACE = 0x2;

  /** Longest name, namespace included, in bytes ({@code XATTR_NAME_MAX}). */
  public static final int NAME_MAX_BYTES = 255;

  /** Largest value in bytes ({@code XATTR_SIZE_MAX}). */
  public static final int VALUE_MAX_BYTES = 65_536;

  /** Largest list of names in bytes ({@code XATTR_LIST_MAX}). */
  public static final int LIST_MAX_BYTES = 65_536;

  private XattrFlags() {}
}
