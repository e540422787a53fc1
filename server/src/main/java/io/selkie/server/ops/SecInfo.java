package io.selkie.server.ops;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.Found;
import io.selkie.server.vfs.VfsFile;
import java.util.List;

/** SECINFO, RFC 8881 section 18.29: what the rules of the export say. Uses the filehandle up. */
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
    Found found = find(c, directory, name);
    if (found.status() == NfsStat4.NFS4_OK) {
      List<Integer> flavors = services.admission().flavors(c, found.file().export());
      c.reply().int32(flavors.size());
      flavors.forEach(c.reply()::int32);
      c.consumeCurrentFile();
    }
    return found.status();
  }
}
