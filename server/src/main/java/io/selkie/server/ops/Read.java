package io.selkie.server.ops;

import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.Xdr;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.NfsErrors;
import io.selkie.server.vfs.OpenFile;

/** READ, RFC 8881 section 18.22: from the page cache straight into the reply. */
final class Read extends ReadOperation {

  /** eof and the length of the data. */
  private static final int OVERHEAD_BYTES = 4 + 4;

  /** One for each worker, which reads one file at a time: a READ is to leave no garbage. */
  private final ThreadLocal<FileStatus> statuses = ThreadLocal.withInitial(FileStatus::new);

  Read(FileServices services) {
    super(services, NfsOp4.OP_READ);
  }

  @Override
  int read(CompoundContext c, OpenFile file, long offset, long count) {
    XdrWriter out = c.reply();
    // Whole units, so that the padding fits too.
    int room = Math.max(0, c.replyRoom() - OVERHEAD_BYTES) & ~(Xdr.UNIT_BYTES - 1);
    long most = Math.min(services.attributes().maxReadBytes(), room);
    int wanted = (int) Math.min(count, most);
    if (wanted == 0 && count > 0) {
      return c.tooBigStatus();
    }
    int eofAt = out.reserveInt32();
    int lengthAt = out.reserveInt32();
    int dataAt = out.position();
    int got = 0;
    // Offsets of more than 63 bits lie behind the end of any file.
    if (wanted > 0 && offset >= 0) {
      out.ensure(Xdr.padded(wanted));
      long result = services.fs().read(file, memory(out.buffer(), dataAt, wanted), offset);
      if (result < 0) {
        return NfsErrors.of(result);
      }
      got = (int) result;
      pad(out, dataAt, got);
    }
    out.patchInt32(eofAt, offset < 0 || isEof(file, offset, got, wanted) ? 1 : 0);
    out.patchInt32(lengthAt, got);
    services.metrics().nfsRead(got);
    return NfsStat4.NFS4_OK;
  }

  private boolean isEof(OpenFile file, long offset, int got, int wanted) {
    if (got < wanted) {
      return true;
    }
    FileStatus status = statuses.get();
    return services.fs().getAttributes(file, status) == NfsStat4.NFS4_OK
        && offset + got >= status.size();
  }
}
