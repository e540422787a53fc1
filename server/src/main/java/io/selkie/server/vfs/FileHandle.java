package io.selkie.server.vfs;

import io.selkie.posix.FileHandleBytes;

/**
 * What an NFS filehandle of ours says.
 *
 * @param exportId which export; 0 for the directories above them
 * @param inode inode number there
 * @param generation tells a reused inode number apart, as in {@code FileIdentity}
 * @param kernel the kernel's own handle, null where the file system gives none
 */
record FileHandle(int exportId, long inode, long generation, FileHandleBytes kernel) {
  /** A directory above the exports, which exists in this server only. */
  static FileHandle pseudo(long number) {
    return new FileHandle(0, number, 0, null);
  }

  boolean isPseudoRoot() {
    return exportId == 0;
  }
}
