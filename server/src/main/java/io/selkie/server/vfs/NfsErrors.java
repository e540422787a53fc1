package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.posix.Errno;

/** Errors of the kernel as NFS statuses: the one table. */
public final class NfsErrors {
  private NfsErrors() {}

  /**
   * The status for a {@code Kernel} result.
   *
   * <p>What passes by itself is NFS4ERR_DELAY: a lease of another process that is being broken, no
   * memory, no descriptors. A number not listed is NFS4ERR_SERVERFAULT.
   *
   * @param result zero or more, or {@code -errno}
   * @return NFS4_OK for zero or more
   */
  public static int of(long result) {
    return result >= 0 ? NFS4_OK : of(Errno.of(result));
  }

  /** The status for an error. */
  public static int of(Errno errno) {
    return switch (errno) {
      case EPERM -> NFS4ERR_PERM;
      case ENOENT -> NFS4ERR_NOENT;
      case EIO, EUCLEAN, EHWPOISON, EPROTO, ENOMEDIUM, EMEDIUMTYPE -> NFS4ERR_IO;
      case ENXIO, ENODEV -> NFS4ERR_NXIO;
      case EAGAIN, ENOMEM, ENFILE, EMFILE, ENOBUFS, ETIMEDOUT, EINTR, ENOLCK -> NFS4ERR_DELAY;
      case EACCES, ETXTBSY, ENOKEY -> NFS4ERR_ACCESS;
      case EBUSY -> NFS4ERR_FILE_OPEN;
      case EEXIST -> NFS4ERR_EXIST;
      case EXDEV -> NFS4ERR_XDEV;
      case ENOTDIR -> NFS4ERR_NOTDIR;
      case EISDIR -> NFS4ERR_ISDIR;
      case EINVAL, EOVERFLOW, ERANGE, EDOM -> NFS4ERR_INVAL;
      case EFBIG -> NFS4ERR_FBIG;
      case ENOSPC -> NFS4ERR_NOSPC;
      case EROFS -> NFS4ERR_ROFS;
      case EMLINK -> NFS4ERR_MLINK;
      case ENAMETOOLONG -> NFS4ERR_NAMETOOLONG;
      case ENOTEMPTY -> NFS4ERR_NOTEMPTY;
      case ELOOP -> NFS4ERR_SYMLINK;
      case EILSEQ -> NFS4ERR_BADCHAR;
      case ESTALE -> NFS4ERR_STALE;
      case EDQUOT -> NFS4ERR_DQUOT;
      case EOPNOTSUPP, ENOTSUPP, ENOSYS, ENOTTY -> NFS4ERR_NOTSUPP;
      default -> NFS4ERR_SERVERFAULT;
    };
  }
}
