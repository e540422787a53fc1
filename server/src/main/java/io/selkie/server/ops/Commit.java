package io.selkie.server.ops;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Verifier4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.VfsFile;
import java.nio.ByteBuffer;

/** COMMIT, RFC 8881 section 18.3; always of the whole file. */
final class Commit extends DataOperation {

  Commit(FileServices services) {
    super(services, NfsOp4.OP_COMMIT);
  }

  @Override
  public boolean waitsForDisk(ByteBuffer request, int at) {
    return true;
  }

  @Override
  public int replyBytesMax() {
    return Verifier4.BYTES;
  }

  @Override
  public int execute(CompoundContext c) {
    long offset = c.args().int64();
    long count = c.args().uint32();
    if (!(c.currentFile() instanceof VfsFile file)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    if (Long.compareUnsigned(offset + count, offset) < 0) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    Verifier4 verifier = services.verifier().now();
    Descriptions.Opened opened = description(c, file, false);
    if (opened.status() != NfsStat4.NFS4_OK) {
      return opened.status();
    }
    int status;
    try {
      status = services.fs().commit(opened.file());
    } finally {
      opened.file().release();
    }
    if (status == NfsStat4.NFS4_OK) {
      verifier.encode(c.reply());
    } else {
      services.verifier().change();
    }
    return status;
  }
}
