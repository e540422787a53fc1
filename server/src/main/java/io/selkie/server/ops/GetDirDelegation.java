package io.selkie.server.ops;

import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.VfsFile;

/** GET_DIR_DELEGATION, RFC 8881 section 18.39: there is none, and none will be signalled. */
final class GetDirDelegation extends FileOperation {

  private static final int GDD4_UNAVAIL = 1;

  GetDirDelegation(FileServices services) {
    super(services, NfsOp4.OP_GET_DIR_DELEGATION);
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    args.bool();
    Bitmap4.skip(args);
    NfsTime4.decode(args);
    NfsTime4.decode(args);
    Bitmap4.skip(args);
    Bitmap4.skip(args);
    if (!(c.currentFile() instanceof VfsFile directory)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    FileStatus status = new FileStatus();
    int result = services.status(directory, status);
    if (result != NfsStat4.NFS4_OK) {
      return result;
    }
    if (!status.isDirectory()) {
      return NfsStat4.NFS4ERR_NOTDIR;
    }
    c.reply().int32(GDD4_UNAVAIL);
    c.reply().bool(false);
    return NfsStat4.NFS4_OK;
  }
}
