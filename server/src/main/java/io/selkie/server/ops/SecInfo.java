package io.selkie.server.ops;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.VfsFile;

/** SECINFO, RFC 8881 section 18.29: AUTH_SYS, or nobody, everywhere. Uses the filehandle up. */
final class SecInfo extends FileOperation {

  SecInfo(FileServices services) {
    super(services, NfsOp4.OP_SECINFO);
  }

  @Override
  public int execute(CompoundContext c) {
    byte[] name = readName(c);
    if (!(c.currentFile() instanceof VfsFile directory)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    int status = find(directory, name).status();
    if (status == NfsStat4.NFS4_OK) {
      c.reply().int32(2);
      c.reply().int32(RpcConst.AUTH_SYS);
      c.reply().int32(RpcConst.AUTH_NONE);
      c.consumeCurrentFile();
    }
    return status;
  }
}
