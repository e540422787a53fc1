package io.selkie.server.ops;

import io.selkie.posix.Errno;
import io.selkie.protocol.nfs4.NfsStat4;

/** From the kernel's errors to NFS statuses. Stateless. */
public final class NfsErrors {

  private NfsErrors() {}

  /**
   * Translates a failing result of {@link io.selkie.posix.Kernel}. What no status stands for, and
   * what only a defect or an exhausted server can cause, is NFS4ERR_SERVERFAULT or NFS4ERR_DELAY.
   *
   * @param result {@code -errno}
   */
  public static int status(long result) {
    return switch (Errno.of(result)) {
      case EPERM -> NfsStat4.NFS4ERR_PERM;
      case ENOENT -> NfsStat4.NFS4ERR_NOENT;
      case EIO, EUCLEAN, EHWPOISON, ENOMEDIUM, ETIMEDOUT -> NfsStat4.NFS4ERR_IO;
      case ENXIO, ENODEV -> NfsStat4.NFS4ERR_NXIO;
      case EACCES -> NfsStat4.NFS4ERR_ACCESS;
      case EEXIST -> NfsStat4.NFS4ERR_EXIST;
      case EXDEV -> NfsStat4.NFS4ERR_XDEV;
      case ENOTDIR -> NfsStat4.NFS4ERR_NOTDIR;
      case EISDIR -> NfsStat4.NFS4ERR_ISDIR;
      case EINVAL -> NfsStat4.NFS4ERR_INVAL;
      case EFBIG, EOVERFLOW -> NfsStat4.NFS4ERR_FBIG;
      case ENOSPC -> NfsStat4.NFS4ERR_NOSPC;
      case EROFS -> NfsStat4.NFS4ERR_ROFS;
      case EMLINK -> NfsStat4.NFS4ERR_MLINK;
      case ENAMETOOLONG -> NfsStat4.NFS4ERR_NAMETOOLONG;
      case ENOTEMPTY -> NfsStat4.NFS4ERR_NOTEMPTY;
      case EDQUOT -> NfsStat4.NFS4ERR_DQUOT;
      case ESTALE -> NfsStat4.NFS4ERR_STALE;
      case ELOOP -> NfsStat4.NFS4ERR_SYMLINK;
      case EILSEQ -> NfsStat4.NFS4ERR_BADCHAR;
      case EOPNOTSUPP, ENOTSUPP, ENOSYS -> NfsStat4.NFS4ERR_NOTSUPP;
      case ETXTBSY, EBUSY -> NfsStat4.NFS4ERR_FILE_OPEN;
      // Somebody else's lease stands in the way, or memory and descriptors are short for a while.
      case EAGAIN, EINTR, ENOMEM, ENOBUFS, ENFILE, EMFILE, ENOLCK -> NfsStat4.NFS4ERR_DELAY;
      default -> NfsStat4.NFS4ERR_SERVERFAULT;
    };
  }
}
