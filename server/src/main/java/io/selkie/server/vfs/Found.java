package io.selkie.server.vfs;

import io.selkie.protocol.nfs4.NfsStat4;

/**
 * A file, or why there is none.
 *
 * @param status an NFS status
 * @param file null unless the status is NFS4_OK
 */
public record Found(int status, VfsFile file) {
  static Found of(VfsFile file) {
    return new Found(NfsStat4.NFS4_OK, file);
  }

  static Found refused(int status) {
    return new Found(status, null);
  }
}
