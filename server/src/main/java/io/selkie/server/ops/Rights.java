package io.selkie.server.ops;

import io.selkie.posix.AccessModes;
import io.selkie.posix.FileStatus;
import io.selkie.posix.SystemFacts;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.ops.attr.SetAttrs;
import io.selkie.server.vfs.VfsFile;

/**
 * What the kernel would refuse anyway, said before holders are recalled for it: otherwise anybody
 * could take from them what they hold, by asking again and again for what it may not do. The
 * kernel's own check of the change itself stays; this one may let pass what that one refuses, not
 * the other way round.
 */
final class Rights {

  private static final int STICKY = 01000;
  private static final int SET_UID = 04000;

  /** Set-group-id on what its group may execute. */
  private static final int RUNS_AS_GROUP = 02010;

  private Rights() {}

  /** Whether the user may set mode, owner and access control list: the file's owner and root. */
  static int mayGovern(FileServices services, VfsFile file) {
    if (services.kernel().mayAll()) {
      return NfsStat4.NFS4_OK;
    }
    if (services.kernel().isReadOnly()) {
      return NfsStat4.NFS4ERR_ROFS;
    }
    FileStatus status = new FileStatus();
    int result = services.status(file, status);
    return result == NfsStat4.NFS4_OK && !isOwnerOrRoot(services, status)
        ? NfsStat4.NFS4ERR_PERM
        : result;
  }

  /** Whether the user may set the times; to "now" may who may write. */
  static int maySetTimes(FileServices services, VfsFile file, SetAttrs attrs) {
    int status = mayGovern(services, file);
    boolean touch =
        attrs.accessTime() != null
            && attrs.accessTime().toServerTime()
            && attrs.modifyTime() != null
            && attrs.modifyTime().toServerTime();
    return touch && status == NfsStat4.NFS4ERR_PERM
        ? services.mayUse(file, AccessModes.WRITE)
        : status;
  }

  /** Whether the user may take a name away from a file that has it. */
  static int mayRemove(FileServices services, VfsFile directory, VfsFile file) {
    if (services.kernel().mayAll()) {
      return NfsStat4.NFS4_OK;
    }
    int status = services.mayUse(directory, AccessModes.WRITE | AccessModes.EXECUTE);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    FileStatus attributes = new FileStatus();
    status = services.status(directory, attributes);
    if (status != NfsStat4.NFS4_OK
        || (attributes.permissions() & STICKY) == 0
        || isOwnerOrRoot(services, attributes)) {
      return status;
    }
    status = services.status(file, attributes);
    return status == NfsStat4.NFS4_OK && !isOwnerOrRoot(services, attributes)
        ? NfsStat4.NFS4ERR_ACCESS
        : status;
  }

  /** Whether the user may make names in a directory; of what is none the kernel says so. */
  static int mayMake(FileServices services, VfsFile directory) {
    int status = services.mayUse(directory, AccessModes.WRITE | AccessModes.EXECUTE);
    if (status != NfsStat4.NFS4ERR_ACCESS) {
      return status == NfsStat4.NFS4ERR_ROFS ? status : NfsStat4.NFS4_OK;
    }
    FileStatus attributes = new FileStatus();
    return services.status(directory, attributes) == NfsStat4.NFS4_OK && !attributes.isDirectory()
        ? NfsStat4.NFS4_OK
        : status;
  }

  /**
   * Whether the user may give a file one more name, where the kernel protects hard links (proc(5),
   * {@code protected_hardlinks}): its owner may, and who may read and write it, if that gives
   * nobody more rights.
   */
  static int mayLink(FileServices services, VfsFile file) {
    if (services.kernel().mayAll()) {
      return NfsStat4.NFS4_OK;
    }
    FileStatus attributes = new FileStatus();
    int status = services.status(file, attributes);
    if (status != NfsStat4.NFS4_OK || isOwnerOrRoot(services, attributes)) {
      return status;
    }
    int mode = attributes.permissions();
    boolean lends = (mode & SET_UID) != 0 || (mode & RUNS_AS_GROUP) == RUNS_AS_GROUP;
    boolean safe =
        attributes.isRegular()
            && !lends
            && services.mayUse(file, AccessModes.READ | AccessModes.WRITE) == NfsStat4.NFS4_OK;
    return safe || !SystemFacts.of(services.own()).linksAreProtected()
        ? NfsStat4.NFS4_OK
        : NfsStat4.NFS4ERR_ACCESS;
  }

  private static boolean isOwnerOrRoot(FileServices services, FileStatus status) {
    int uid = services.kernel().user().uid();
    return uid == 0 || uid == status.uid();
  }
}
