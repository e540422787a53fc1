package io.selkie.server.ops;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.VfsFile;

/** READLINK, RFC 8881 section 18.24. */
final class ReadLink extends FileOperation {

  ReadLink(FileServices services) {
    super(services, NfsOp4.OP_READLINK);
  }

  @Override
  public int execute(CompoundContext c) {
    if (!(c.currentFile() instanceof VfsFile file)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    var link = services.fs().readLink(file);
    if (link.status() == NfsStat4.NFS4_OK) {
      c.reply().opaque(link.target());
    }
    return link.status();
  }
}
