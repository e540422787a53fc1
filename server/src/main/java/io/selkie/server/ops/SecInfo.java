package io.selkie.server.ops;

import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.Found;
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
    return answer(c, find(c, directory, name).status());
  }

  static int answer(CompoundContext c, int status) {
    if (status == NfsStat4.NFS4_OK) {
      c.reply().int32(2);
      c.reply().int32(RpcConst.AUTH_SYS);
      c.reply().int32(RpcConst.AUTH_NONE);
      c.consumeCurrentFile();
    }
    return status;
  }

  /** SECINFO_NO_NAME, section 18.45. */
  static final class NoName extends FileOperation {
    NoName(FileServices services) {
      super(services, NfsOp4.OP_SECINFO_NO_NAME);
    }

    @Override
    public int execute(CompoundContext c) {
      int style =
          c.args()
              .enumeration(
                  Nfs4Const.SECINFO_STYLE4_CURRENT_FH, Nfs4Const.SECINFO_STYLE4_PARENT);
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      if (style == Nfs4Const.SECINFO_STYLE4_CURRENT_FH) {
        return answer(c, NfsStat4.NFS4_OK);
      }
      Found parent = services.fs().lookupParent(file);
      return answer(c, parent.status());
    }
  }
}
