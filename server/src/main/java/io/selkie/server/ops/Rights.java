package io.selkie.server.ops;

import io.selkie.posix.AccessModes;
import io.selkie.posix.FileStatus;
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

  private static boolean isOwnerOrRoot(FileServices services, FileStatus status) {
    int uid = services.kernel().user().uid();
    return uid == 0 || uid == status.uid();
  }
}
