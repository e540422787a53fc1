package io.selkie.server.ops;

import io.selkie.posix.AccessModes;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.Found;
import io.selkie.server.vfs.VfsFile;

/** LOOKUP, RFC 8881 section 18.13. */
final class Lookup extends FileOperation {

  Lookup(FileServices services) {
    super(services, NfsOp4.OP_LOOKUP);
  }

  @Override
  public int execute(CompoundContext c) {
    byte[] name = readName(c);
    if (!(c.currentFile() instanceof VfsFile directory)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    Found found = find(c, directory, name);
    int status = found.status();
    if (status == NfsStat4.NFS4_OK) {
      status = crossing(c, directory, found.file());
    }
    if (status == NfsStat4.NFS4_OK) {
      c.currentFile(found.file());
    }
    return status;
  }

  /** LOOKUPP, section 18.14. */
  static final class Parent extends FileOperation {
    Parent(FileServices services) {
      super(services, NfsOp4.OP_LOOKUPP);
    }

    @Override
    public int execute(CompoundContext c) {
      if (!(c.currentFile() instanceof VfsFile directory)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      Found found =
          services
              .fs()
              .lookupParent(directory, export -> services.admission().isVisible(c, export));
      int status = found.status();
      if (status == NfsStat4.NFS4_OK) {
        status = services.mayUse(directory, AccessModes.EXECUTE);
      }
      if (status == NfsStat4.NFS4_OK) {
        status = crossing(c, directory, found.file());
      }
      if (status == NfsStat4.NFS4_OK) {
        c.currentFile(found.file());
      }
      return status;
    }
  }
}
