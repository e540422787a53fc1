package io.selkie.server.vfs;

import io.selkie.protocol.nfs4.NfsStat4;

/**
 * A new file, or why there is none.
 *
 * @param status an NFS status
 * @param file null unless the status is NFS4_OK
 * @param directory how the directory changed
 */
public record Made(int status, VfsFile file, ChangeInfo directory) {
  static Made of(VfsFile file, ChangeInfo directory) {
    return new Made(NfsStat4.NFS4_OK, file, directory);
  }

  static Made refused(int status) {
    return new Made(status, null, ChangeInfo.NONE);
  }
}
