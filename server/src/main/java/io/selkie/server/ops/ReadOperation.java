package io.selkie.server.ops;

import io.selkie.layout.FileChange;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;

/** What READ and READ_PLUS have in common: arguments, rights and the description to read from. */
abstract class ReadOperation extends DataOperation {

  ReadOperation(FileServices services, int opcode) {
    super(services, opcode);
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    Stateid4 stateid = resolve(c, Stateids.decode(args));
    long offset = args.int64();
    long count = args.uint32();
    if (!(c.currentFile() instanceof VfsFile file)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    int status = mayDoIo(c, file, stateid, false);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    if (!asksLeave(file, stateid)) {
      return read(c, file, offset, count);
    }
    try (Leave leave = new Leave(services, c).of(file, FileChange.READ)) {
      return leave.isGiven() ? read(c, file, offset, count) : NfsStat4.NFS4ERR_DELAY;
    }
  }

  private int read(CompoundContext c, VfsFile file, long offset, long count) {
    Descriptions.Opened opened = description(c, file, false);
    if (opened.status() != NfsStat4.NFS4_OK) {
      return opened.status();
    }
    try {
      return read(c, opened.file(), offset, count);
    } finally {
      opened.file().release();
    }
  }

  /**
   * Reads into the reply.
   *
   * @param offset unsigned, as it came
   * @param count unsigned 32 bits; what fits into the reply may be less
   * @return an NFS status
   */
  abstract int read(CompoundContext c, OpenFile file, long offset, long count);
}
