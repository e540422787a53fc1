package io.selkie.lease;

import java.util.Arrays;
import java.util.Locale;

/** File systems by their magic number, as far as seals treat them differently or people ask. */
public enum FileSystemType {
  /** ext2, ext3 and ext4 share their number. */
  EXT4(0xEF53L, "ext2/ext3/ext4", Reflink.NEVER),
  /** XFS: reflink and DAX, each a matter of mkfs and mount. */
  XFS(0x58465342L, "XFS", Reflink.ASK),
  /** btrfs. */
  BTRFS(0x9123683EL, "btrfs", Reflink.ASK),
  /** bcachefs. */
  BCACHEFS(0xCA451A4EL, "bcachefs", Reflink.ASK),
  /** F2FS. */
  F2FS(0xF2F52010L, "F2FS", Reflink.NEVER),
  /** tmpfs: memory, no block map. */
  TMPFS(0x01021994L, "tmpfs", Reflink.NEVER),
  /** ramfs. */
  RAMFS(0x858458F6L, "ramfs", Reflink.NEVER),
  /** OCFS2. */
  OCFS2(0x7461636FL, "OCFS2", Reflink.ASK),
  /** ZFS. */
  ZFS(0x2FC12FC1L, "ZFS", Reflink.ASK),
  /** An NFS mount. */
  NFS(0x6969L, "NFS", Reflink.ASK),
  /** overlayfs. */
  OVERLAY(0x794C7630L, "overlayfs", Reflink.ASK),
  /** FUSE. */
  FUSE(0x65735546L, "FUSE", Reflink.ASK),
  /** 9p. */
  V9FS(0x01021997L, "9p", Reflink.NEVER),
  /** FAT. */
  VFAT(0x4D44L, "FAT", Reflink.NEVER),
  /** squashfs. */
  SQUASHFS(0x73717368L, "squashfs", Reflink.NEVER),
  /** Any other. */
  OTHER(-1, "an unknown file system", Reflink.ASK);

  private final long magic;
  private final String label;
  private final Reflink reflink;

  private enum Reflink {
    NEVER,
    ASK
  }

  FileSystemType(long magic, String label, Reflink reflink) {
    this.magic = magic;
    this.label = label;
    this.reflink = reflink;
  }

  /** The type that {@code statfs} told. */
  public static FileSystemType of(long magic) {
    return Arrays.stream(values())
        .filter(type -> type.magic == (magic & 0xFFFF_FFFFL))
        .findFirst()
        .orElse(OTHER);
  }

  /** For people. */
  public String label() {
    return label;
  }

  /** For people, with the number when it is of no known type. */
  static String describe(long magic) {
    FileSystemType type = of(magic);
    return type == OTHER ? String.format(Locale.ROOT, "file system type 0x%x", magic) : type.label;
  }

  /** Whether none of its files can ever share blocks with another. */
  boolean neverReflinks() {
    return reflink == Reflink.NEVER;
  }
}
