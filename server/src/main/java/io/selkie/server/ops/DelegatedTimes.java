package io.selkie.server.ops;

import io.selkie.layout.DelegationArbiter;
import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.server.ops.attr.SetAttrs;
import io.selkie.server.vfs.NfsErrors;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;
import java.util.Optional;

/**
 * Times that a client kept itself under a delegation (RFC 9754 section 5), brought back by SETATTR.
 * A time that is no later than what the server has counts for nothing, one to come counts as now.
 */
final class DelegatedTimes {

  private final FileServices services;

  DelegatedTimes(FileServices services) {
    this.services = services;
  }

  /**
   * Sets them, if the stateid allows it.
   *
   * @param done where what was set, or counts for nothing, is noted
   * @return an NFS status
   */
  int set(long clientId, Stateid4 stateid, VfsFile file, SetAttrs attrs, Bitmap4 done) {
    DelegationArbiter delegations = services.arbiter().delegations();
    if (stateid == null || !delegations.isDelegationStateid(stateid)) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    boolean modifies = attrs.delegatedModify() != null;
    int status = delegations.checkIo(clientId, stateid, file.identity(), modifies);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    Optional<OpenFile> open =
        delegations.delegatesTimes(clientId, stateid, file.identity())
            ? services.files().find(file.identity())
            : Optional.empty();
    if (open.isEmpty()) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    try {
      status = take(open.get(), attrs.delegatedAccess(), attrs.delegatedModify());
    } finally {
      open.get().release();
    }
    if (status == NfsStat4.NFS4_OK) {
      if (attrs.delegatedAccess() != null) {
        done.set(FileAttributes.FATTR4_TIME_DELEG_ACCESS);
      }
      if (modifies) {
        done.set(FileAttributes.FATTR4_TIME_DELEG_MODIFY);
      }
    }
    return status;
  }

  /**
   * Takes times of a holder over. As the server: the holder may write the file, but only its owner
   * may set any time it likes.
   *
   * @param access null for none
   * @param modify null for none
   * @return an NFS status
   */
  int take(OpenFile file, NfsTime4 access, NfsTime4 modify) {
    FileStatus status = new FileStatus();
    int result = services.fs().getAttributes(file, status);
    if (result != NfsStat4.NFS4_OK) {
      return result;
    }
    boolean accessed = isLater(access, status.atimeSec(), status.atimeNsec());
    boolean modified = isLater(modify, status.mtimeSec(), status.mtimeNsec());
    if (!accessed && !modified) {
      return NfsStat4.NFS4_OK;
    }
    if (services.kernel().isReadOnly()) {
      return NfsStat4.NFS4ERR_ROFS;
    }
    result =
        services
            .own()
            .utimens(
                file.fd(),
                accessed ? access.seconds() : 0,
                accessed ? access.nanos() : FileStatus.UTIME_OMIT,
                modified ? modify.seconds() : 0,
                modified ? modify.nanos() : FileStatus.UTIME_OMIT);
    if (result < 0) {
      return NfsErrors.of(result);
    }
    result = services.fs().getAttributes(file, status);
    if (result != NfsStat4.NFS4_OK) {
      return result;
    }
    // That set ctime, so it says what time it is.
    boolean accessToCome = accessed && isLater(access, status.ctimeSec(), status.ctimeNsec());
    boolean modifyToCome = modified && isLater(modify, status.ctimeSec(), status.ctimeNsec());
    if (accessToCome || modifyToCome) {
      result =
          services
              .own()
              .utimens(
                  file.fd(),
                  0,
                  accessToCome ? FileStatus.UTIME_NOW : FileStatus.UTIME_OMIT,
                  0,
                  modifyToCome ? FileStatus.UTIME_NOW : FileStatus.UTIME_OMIT);
    }
    return NfsErrors.of(Math.min(result, 0));
  }

  private static boolean isLater(NfsTime4 time, long seconds, int nanos) {
    return time != null
        && (time.seconds() > seconds || (time.seconds() == seconds && time.nanos() > nanos));
  }
}
