package io.selkie.server.ops;

import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.lease.ByteRange;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.nfs4.Verifier4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.NfsErrors;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/** WRITE, RFC 8881 section 18.32: from the request straight into the page cache. */
final class Write extends DataOperation {

  Write(FileServices services) {
    super(services, NfsOp4.OP_WRITE);
  }

  @Override
  public boolean waitsForDisk(ByteBuffer request, int at) {
    int stable = at + Stateids.BYTES + Long.BYTES;
    return request.limit() - stable >= Integer.BYTES
        && request.getInt(stable) != Nfs4Const.UNSTABLE4;
  }

  @Override
  public int replyBytesMax() {
    return 4 + 4 + Verifier4.BYTES;
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    Stateid4 stateid = resolve(c, Stateids.decode(args));
    long offset = args.int64();
    int stable = args.enumeration(Nfs4Const.UNSTABLE4, Nfs4Const.FILE_SYNC4);
    int length = args.opaqueLength(Integer.MAX_VALUE);
    int dataAt = args.position();
    args.skipOpaque(length);
    if (!(c.currentFile() instanceof VfsFile file)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    // Of data that reaches beyond what a file can have, what fits is written.
    if (offset < 0
        || offset > Long.MAX_VALUE - length
        || (length > 0 && offset >= services.maxFileBytes(file))) {
      return NfsStat4.NFS4ERR_FBIG;
    }
    int status = mayDoIo(c, file, stateid, true);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    Descriptions.Opened opened = description(c, file, true);
    if (opened.status() != NfsStat4.NFS4_OK) {
      return opened.status();
    }
    try {
      MemorySegment data = length == 0 ? MemorySegment.NULL : memory(args.buffer(), dataAt, length);
      return write(c, opened.file(), data, offset, length, stable);
    } finally {
      opened.file().release();
    }
  }

  private int write(
      CompoundContext c, OpenFile file, MemorySegment data, long offset, int length, int stable) {
    // Of before the data is taken: what is lost from here on shows in a later one.
    Verifier4 verifier = services.verifier().now();
    int written = 0;
    if (length > 0) {
      ChangePermit permit =
          Leave.ask(services, c, file.identity(), FileChange.WRITE, new ByteRange(offset, length));
      if (!(permit instanceof ChangePermit.Granted granted)) {
        return NfsStat4.NFS4ERR_DELAY;
      }
      long result;
      try (granted) {
        result = writeAll(file, data, offset);
      }
      if (result < 0) {
        return NfsErrors.of(result);
      }
      written = (int) result;
    }
    if (stable != Nfs4Const.UNSTABLE4) {
      int status = services.fs().commit(file);
      if (status != NfsStat4.NFS4_OK) {
        services.verifier().change();
        return status;
      }
    }
    services.metrics().nfsWritten(written);
    XdrWriter out = c.reply();
    out.int32(written);
    out.int32(stable);
    verifier.encode(out);
    return NfsStat4.NFS4_OK;
  }

  /** As much as can be: the error counts only when nothing was written. */
  private long writeAll(OpenFile file, MemorySegment data, long offset) {
    long written = 0;
    while (written < data.byteSize()) {
      long result = services.fs().write(file, data.asSlice(written), offset + written);
      if (result <= 0) {
        return written > 0 ? written : result;
      }
      written += result;
    }
    return written;
  }
}
