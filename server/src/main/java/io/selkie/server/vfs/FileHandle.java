package io.selkie.server.vfs;

import io.selkie.posix.FileHandleBytes;

/**
 * What an NFS filehandle of ours says.
 *
 * @param exportId which export; 0 for the directory above all exports
 * @param inode inode number there
 * @param generation tells a reused inode number apart, as in {@code FileIdentity}
 * @param kernel the kernel's own handle, null where the file system gives none
 */
record FileHandle(int exportId, long inode, long generation, FileHandleBytes kernel) {
  /** The directory above all exports. */
  static final FileHandle PSEUDO_ROOT = new FileHandle(0, 1, 0, null);

  boolean isPseudoRoot() {
    return exportId == 0;
  }
}
