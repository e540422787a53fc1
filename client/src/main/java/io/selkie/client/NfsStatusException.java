package io.selkie.client;

import io.selkie.protocol.nfs4.NfsStat4;
import java.io.IOException;

/** The server answered an operation with an error that the library cannot work around. */
public final class NfsStatusException extends IOException {
  private static final long serialVersionUID = 1L;

  private final int status;

  /**
   * Says which status, of what.
   *
   * @param status the nfsstat4
   * @param what the operation and what it was tried on
   */
  public NfsStatusException(int status, String what) {
    super(what + ": " + words(status));
    this.status = status;
  }

  /** The nfsstat4 that the server answered. */
  public int status() {
    return status;
  }

  private static String words(int status) {
    String name = NfsStat4.name(status);
    String words =
        switch (status) {
          case NfsStat4.NFS4ERR_NOENT -> "no such file or directory";
          case NfsStat4.NFS4ERR_ACCESS, NfsStat4.NFS4ERR_PERM -> "permission denied";
          case NfsStat4.NFS4ERR_EXIST -> "it exists already";
          case NfsStat4.NFS4ERR_NOTDIR -> "not a directory";
          case NfsStat4.NFS4ERR_ISDIR -> "is a directory";
          case NfsStat4.NFS4ERR_NOTEMPTY -> "directory is not empty";
          case NfsStat4.NFS4ERR_NOSPC -> "no space left on the server";
          case NfsStat4.NFS4ERR_DQUOT -> "quota exceeded on the server";
          case NfsStat4.NFS4ERR_ROFS -> "the export is read-only";
          case NfsStat4.NFS4ERR_STALE -> "the file is gone";
          case NfsStat4.NFS4ERR_NAMETOOLONG -> "name is too long";
          case NfsStat4.NFS4ERR_SYMLINK -> "is a symbolic link, which is not followed";
          case NfsStat4.NFS4ERR_XDEV -> "not on the same file system";
          case NfsStat4.NFS4ERR_SHARE_DENIED -> "somebody else has it open exclusively";
          case NfsStat4.NFS4ERR_FBIG -> "file would become too large";
          case NfsStat4.NFS4ERR_DELAY -> "the server keeps asking for patience";
          case NfsStat4.NFS4ERR_GRACE -> "the server is in its grace period";
          default -> "";
        };
    return words.isEmpty() ? name : words + " (" + name + ")";
  }
}
