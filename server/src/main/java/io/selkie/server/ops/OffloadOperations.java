package io.selkie.server.ops;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.offload.Offloads;
import io.selkie.server.vfs.VfsFile;

/** The operations on copies that go on by themselves, and the one about other servers. */
final class OffloadOperations {

  private OffloadOperations() {}

  /** OFFLOAD_STATUS, RFC 7862 section 15.9. */
  static final class Status extends FileOperation {
    private final Offloads offloads;

    Status(FileServices services, Offloads offloads) {
      super(services, NfsOp4.OP_OFFLOAD_STATUS);
      this.offloads = offloads;
    }

    @Override
    public Cost cost() {
      return Cost.MEMORY;
    }

    @Override
    public int execute(CompoundContext c) {
      Stateid4 stateid = c.resolve(Stateids.decode(c.args()));
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      if (stateid == null) {
        return NfsStat4.NFS4ERR_BAD_STATEID;
      }
      Offloads.Progress progress = offloads.progress(c.clientId(), file.identity(), stateid);
      if (progress.status() == NfsStat4.NFS4_OK) {
        c.reply().int64(progress.bytes());
        c.reply().int32(progress.isComplete() ? 1 : 0);
        if (progress.isComplete()) {
          c.reply().int32(progress.result());
        }
      }
      return progress.status();
    }
  }

  /** OFFLOAD_CANCEL, section 15.8. */
  static final class Cancel extends FileOperation {
    private final Offloads offloads;

    Cancel(FileServices services, Offloads offloads) {
      super(services, NfsOp4.OP_OFFLOAD_CANCEL);
      this.offloads = offloads;
    }

    @Override
    public Cost cost() {
      return Cost.MEMORY;
    }

    @Override
    public int execute(CompoundContext c) {
      Stateid4 stateid = c.resolve(Stateids.decode(c.args()));
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      return stateid == null
          ? NfsStat4.NFS4ERR_BAD_STATEID
          : offloads.cancel(c.clientId(), c.credential().uid(), file.identity(), stateid);
    }
  }

  /**
   * COPY_NOTIFY, section 15.3: this server lets no other one read from it, so the client is told to
   * copy by itself.
   */
  static final class Notify extends FileOperation {
    Notify(FileServices services) {
      super(services, NfsOp4.OP_COPY_NOTIFY);
    }

    @Override
    public Cost cost() {
      return Cost.MEMORY;
    }

    @Override
    public int execute(CompoundContext c) {
      Stateids.decode(c.args());
      NetLocations.skip(c.args());
      return c.currentFile() == null ? NfsStat4.NFS4ERR_NOFILEHANDLE : NfsStat4.NFS4ERR_NOTSUPP;
    }
  }
}
