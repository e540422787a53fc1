package io.selkie.server.ops;

import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.Found;
import io.selkie.server.vfs.VfsFile;
import java.nio.ByteBuffer;

/**
 * The operations that only move filehandles about (RFC 8881 sections 18.8, 18.19 to 18.21, 18.27).
 */
final class FileHandles {

  private FileHandles() {}

  /** PUTROOTFH and PUTPUBFH: the public filehandle is the root. */
  static final class PutRootFh extends FileOperation {
    PutRootFh(FileServices services, int opcode) {
      super(services, opcode);
    }

    @Override
    public Cost cost() {
      return Cost.MEMORY;
    }

    @Override
    public int execute(CompoundContext c) {
      c.currentFile(services.fs().root());
      return NfsStat4.NFS4_OK;
    }
  }

  /** PUTFH. */
  static final class PutFh extends FileOperation {
    PutFh(FileServices services) {
      super(services, NfsOp4.OP_PUTFH);
    }

    @Override
    public int execute(CompoundContext c) {
      byte[] handle = c.args().opaque(Nfs4Const.NFS4_FHSIZE);
      Found found =
          c.needsPlaceOnly()
              ? services.fs().fromHandleUnseen(handle)
              : services.fs().fromHandle(handle);
      int status = found.status();
      if (status == NfsStat4.NFS4_OK && found.file().export().isPresent()) {
        status = services.admission().enter(c, found.file().export().get());
        if (status == NfsStat4.NFS4ERR_WRONGSEC && asksForSecurity(c)) {
          status = NfsStat4.NFS4_OK;
        }
      }
      if (status == NfsStat4.NFS4_OK) {
        c.currentFile(found.file());
      }
      return status;
    }

    /** Who asks which flavor is the right one must be able to (section 2.6.3.1.1.5). */
    private static boolean asksForSecurity(CompoundContext c) {
      ByteBuffer args = c.args().buffer();
      int at = c.args().position();
      if (c.isLastOp() || args.limit() - at < Integer.BYTES) {
        return false;
      }
      int next = args.getInt(at);
      return next == NfsOp4.OP_SECINFO || next == NfsOp4.OP_SECINFO_NO_NAME;
    }
  }

  /** GETFH. */
  static final class GetFh extends FileOperation {
    GetFh(FileServices services) {
      super(services, NfsOp4.OP_GETFH);
    }

    @Override
    public Cost cost() {
      return Cost.MEMORY;
    }

    @Override
    public int execute(CompoundContext c) {
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      c.reply().opaque(file.handleBytes());
      return NfsStat4.NFS4_OK;
    }
  }

  /** SAVEFH. */
  static final class SaveFh extends FileOperation {
    SaveFh(FileServices services) {
      super(services, NfsOp4.OP_SAVEFH);
    }

    @Override
    public Cost cost() {
      return Cost.MEMORY;
    }

    @Override
    public int execute(CompoundContext c) {
      if (c.currentFile() == null) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      c.saveCurrent();
      return NfsStat4.NFS4_OK;
    }
  }

  /**
   * RESTOREFH; without a saved filehandle NFSv4.1 says NFS4ERR_NOFILEHANDLE (section 15.1.16.4).
   */
  static final class RestoreFh extends FileOperation {
    RestoreFh(FileServices services) {
      super(services, NfsOp4.OP_RESTOREFH);
    }

    @Override
    public Cost cost() {
      return Cost.MEMORY;
    }

    @Override
    public int execute(CompoundContext c) {
      if (c.savedFile() == null) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      c.restoreSaved();
      return NfsStat4.NFS4_OK;
    }
  }
}
