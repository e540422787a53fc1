package io.selkie.server.ops;

import io.selkie.layout.FileChange;
import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;

/** What COPY and CLONE share: the saved file is the source, the current one the target. */
abstract class TwoFileOperation extends DataOperation {

  TwoFileOperation(FileServices services, int opcode) {
    super(services, opcode);
  }

  /**
   * Both descriptions, or why there are none.
   *
   * @param source retained, as is {@code target}; null unless the status is NFS4_OK
   * @param length of the range, which is never empty by being 0
   */
  record Both(int status, OpenFile source, OpenFile target, long length) {
    static Both refused(int status) {
      return new Both(status, null, null, 0);
    }

    void release() {
      source.release();
      target.release();
    }
  }

  /**
   * Checks stateids, rights and the source's range, and opens both files.
   *
   * @param count 0 to the end of the source
   */
  final Both open(
      CompoundContext c,
      VfsFile source,
      Stateid4 sourceStateid,
      long from,
      VfsFile target,
      Stateid4 targetStateid,
      long to,
      long count) {
    int status = mayDoIo(c, source, sourceStateid, false);
    if (status == NfsStat4.NFS4_OK) {
      status = mayDoIo(c, target, targetStateid, true);
    }
    if (status != NfsStat4.NFS4_OK) {
      return Both.refused(status);
    }
    if (Stateids.isSpecial(sourceStateid)) {
      // Nobody has asked for an open, which would have taken a write delegation back.
      try (Leave leave = new Leave(services, c).of(source, FileChange.READ)) {
        if (!leave.isGiven()) {
          return Both.refused(NfsStat4.NFS4ERR_DELAY);
        }
      }
    }
    Descriptions.Opened in = description(c, source, false);
    if (in.status() != NfsStat4.NFS4_OK) {
      return Both.refused(notRegular(in.status()));
    }
    Descriptions.Opened out = description(c, target, true);
    if (out.status() != NfsStat4.NFS4_OK) {
      in.file().release();
      return Both.refused(notRegular(out.status()));
    }
    Both both = new Both(NfsStat4.NFS4_OK, in.file(), out.file(), 0);
    FileStatus attributes = new FileStatus();
    status = services.fs().getAttributes(both.source(), attributes);
    long left = attributes.size() - from;
    if (status == NfsStat4.NFS4_OK) {
      status = checkRange(from, to, count, left);
    }
    if (status != NfsStat4.NFS4_OK) {
      both.release();
      return Both.refused(status);
    }
    return new Both(status, both.source(), both.target(), count == 0 ? left : count);
  }

  private static int checkRange(long from, long to, long count, long left) {
    if (from < 0 || left < 0 || count < 0 || count > left) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    return to < 0 || to > Long.MAX_VALUE - left ? NfsStat4.NFS4ERR_FBIG : NfsStat4.NFS4_OK;
  }
}
