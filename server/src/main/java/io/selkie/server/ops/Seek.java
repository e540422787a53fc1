package io.selkie.server.ops;

import io.selkie.layout.FileChange;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.SeekWhence;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.NfsErrors;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;

/**
 * SEEK, RFC 7862 section 15.11. At the end of file, as behind it, the answer is NFS4ERR_NXIO, which
 * is what lseek says of a local file there.
 */
final class Seek extends DataOperation {

  /** data_content4. */
  static final int CONTENT_DATA = 0;

  /** data_content4. */
  static final int CONTENT_HOLE = 1;

  Seek(FileServices services) {
    super(services, NfsOp4.OP_SEEK);
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    Stateid4 stateid = resolve(c, Stateids.decode(args));
    long offset = args.int64();
    int what = args.int32();
    if (!(c.currentFile() instanceof VfsFile file)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    if (what != CONTENT_DATA && what != CONTENT_HOLE) {
      return NfsStat4.NFS4ERR_UNION_NOTSUPP;
    }
    int status = mayDoIo(c, file, stateid, false);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    if (!asksLeave(file, stateid)) {
      return seek(c, file, offset, what);
    }
    try (Leave leave = new Leave(services, c).of(file, FileChange.READ)) {
      return leave.isGiven() ? seek(c, file, offset, what) : NfsStat4.NFS4ERR_DELAY;
    }
  }

  private int seek(CompoundContext c, VfsFile file, long offset, int what) {
    Descriptions.Opened opened = description(c, file, false);
    if (opened.status() != NfsStat4.NFS4_OK) {
      return opened.status();
    }
    try {
      return seek(c, opened.file(), offset, what);
    } finally {
      opened.file().release();
    }
  }

  private int seek(CompoundContext c, OpenFile file, long offset, int what) {
    FileStatus attributes = new FileStatus();
    int status = services.fs().getAttributes(file, attributes);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    long size = attributes.size();
    if (offset < 0 || offset >= size) {
      return NfsStat4.NFS4ERR_NXIO;
    }
    int whence = what == CONTENT_DATA ? SeekWhence.DATA : SeekWhence.HOLE;
    long found = services.kernel().lseek(file.fd(), offset, whence);
    if (Errno.ENXIO.is(found)) {
      // No data from here on; or the file has just become shorter.
      found = size;
    }
    if (found < 0) {
      return NfsErrors.of(found);
    }
    c.reply().bool(found >= size);
    c.reply().int64(found);
    return NfsStat4.NFS4_OK;
  }
}
