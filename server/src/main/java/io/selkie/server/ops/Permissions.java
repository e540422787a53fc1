package io.selkie.server.ops;

import io.selkie.posix.FileStatus;
import io.selkie.protocol.rpc.AuthSys;

/**
 * What a caller may do, by the permission bits of POSIX. The server acts as its own user, so what
 * it may do and the caller may not has to be refused here. Access control lists show in these bits
 * as their mask. Stateless.
 */
final class Permissions {

  /** To read, or list a directory. */
  static final int READ = 4;

  /** To write, or change a directory. */
  static final int WRITE = 2;

  /** To execute, or search a directory. */
  static final int EXECUTE = 1;

  private static final int ROOT = 0;

  private Permissions() {}

  /** Whether all of the wanted bits are granted. */
  static boolean granted(FileStatus status, AuthSys caller, int wanted) {
    return (wanted & ~granted(status, caller)) == 0;
  }

  /** All bits that are granted. */
  static int granted(FileStatus status, AuthSys caller) {
    int mode = status.permissions();
    if (caller.uid() == ROOT) {
      boolean executable = status.isDirectory() || (mode & 0111) != 0;
      return READ | WRITE | (executable ? EXECUTE : 0);
    }
    if (caller.uid() == status.uid()) {
      return mode >>> 6 & 7;
    }
    return isMember(caller, status.gid()) ? mode >>> 3 & 7 : mode & 7;
  }

  /** Whether the caller is root or the file's owner. */
  static boolean ownsOrRoot(FileStatus status, AuthSys caller) {
    return caller.uid() == ROOT || caller.uid() == status.uid();
  }

  /** Whether the caller is in a group. */
  static boolean isMember(AuthSys caller, int gid) {
    if (caller.gid() == gid) {
      return true;
    }
    for (int i = 0; i < caller.gidCount(); i++) {
      if (caller.gid(i) == gid) {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether the sticky bit of a directory keeps a caller from removing or renaming an entry.
   *
   * @param entry the entry's status
   */
  static boolean stickyForbids(FileStatus directory, FileStatus entry, AuthSys caller) {
    return (directory.permissions() & 01000) != 0
        && caller.uid() != ROOT
        && caller.uid() != directory.uid()
        && caller.uid() != entry.uid();
  }
}
