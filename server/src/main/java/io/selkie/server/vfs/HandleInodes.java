package io.selkie.server.vfs;

import io.selkie.posix.FileHandleBytes;

/**
 * The inode number that lies in a kernel's handle, for the file systems whose form is known: status
 * and handle of a name are two looks, and between them the name may come to mean another file.
 * Stateless.
 */
final class HandleInodes {
  /** {@code FILEID_INO32_GEN} and the same with the parent: ext4 and most others. */
  private static final int INO32_GEN = 1;

  private static final int INO32_GEN_PARENT = 2;

  /** {@code FILEID_INO64_GEN} and the same with the parent: XFS. */
  private static final int INO64_GEN = 0x81;

  private static final int INO64_GEN_PARENT = 0x82;

  /** {@code FILEID_BTRFS_WITHOUT_PARENT} and the others of that file system. */
  private static final int BTRFS_FIRST = 0x4d;

  private static final int BTRFS_LAST = 0x4f;

  private HandleInodes() {}

  /** Whether a handle is of an inode; false also when its form is not known. */
  static boolean isOf(FileHandleBytes handle, long inode) {
    int type = handle.type();
    if (type == INO32_GEN || type == INO32_GEN_PARENT) {
      return handle.length() >= Integer.BYTES && number(handle, Integer.BYTES) == inode;
    }
    boolean wide =
        type == INO64_GEN
            || type == INO64_GEN_PARENT
            || (type >= BTRFS_FIRST && type <= BTRFS_LAST);
    return wide && handle.length() >= Long.BYTES && number(handle, Long.BYTES) == inode;
  }

  /** In the machine's order, which on both architectures is little endian. */
  private static long number(FileHandleBytes handle, int bytes) {
    long number = 0;
    for (int i = bytes - 1; i >= 0; i--) {
      number = number << Byte.SIZE | Byte.toUnsignedLong(handle.at(i));
    }
    return number;
  }
}
