package io.selkie.server.ops;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.state.CloseResult;
import io.selkie.server.state.OpenResult;
import io.selkie.server.vfs.VfsFile;

/** CLOSE, RFC 8881 section 18.2; layouts to be returned on close go with the client's last open. */
final class Close extends FileOperation {

  Close(FileServices services) {
    super(services, NfsOp4.OP_CLOSE);
  }

  @Override
  public boolean givesBack() {
    return true;
  }

  @Override
  public boolean closes() {
    return true;
  }

  @Override
  public int replyBytesMax() {
    return Stateids.BYTES;
  }

  @Override
  public int execute(CompoundContext c) {
    // The seqid is not used in NFSv4.1.
    c.args().int32();
    Stateid4 stateid = c.resolve(Stateids.decode(c.args()));
    if (!(c.currentFile() instanceof VfsFile file)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    if (stateid == null) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    long clientId = c.clientId();
    CloseResult closed = services.opens().close(clientId, stateid, file.identity());
    if (closed.status() != NfsStat4.NFS4_OK) {
      return closed.status();
    }
    if (!closed.lastOfClient()
        || services.arbiter().delegations().heldBy(clientId, file.identity()).isPresent()) {
      // With a delegation the client has the file open still, as far as it is concerned.
      return answer(c);
    }
    return c.suspend(
        services.arbiter().lastClose(clientId, file.identity()),
        (context, nothing, failure) ->
            failure == null ? answer(context) : failed(context, failure));
  }

  /** The stateid returned names nothing any more; what goes out is the invalid special one. */
  private static int answer(CompoundContext c) {
    Stateids.encode(c.reply(), Stateids.INVALID);
    c.currentStateid(Stateids.INVALID);
    return NfsStat4.NFS4_OK;
  }

  /** OPEN_DOWNGRADE, section 18.18. */
  static final class Downgrade extends FileOperation {
    Downgrade(FileServices services) {
      super(services, NfsOp4.OP_OPEN_DOWNGRADE);
    }

    @Override
    public Cost cost() {
      return Cost.MEMORY;
    }

    @Override
    public int replyBytesMax() {
      return Stateids.BYTES;
    }

    @Override
    public int execute(CompoundContext c) {
      Stateid4 stateid = c.resolve(Stateids.decode(c.args()));
      c.args().int32();
      int access = c.args().int32() & ~Open.WANT_MASK;
      int deny = c.args().int32();
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      if (!Open.isShare(access, deny)) {
        return NfsStat4.NFS4ERR_INVAL;
      }
      if (stateid == null) {
        return NfsStat4.NFS4ERR_BAD_STATEID;
      }
      return switch (services
          .opens()
          .downgrade(c.clientId(), stateid, file.identity(), access, deny)) {
        case OpenResult.Refused refused -> refused.status();
        case OpenResult.Opened left -> {
          Stateids.encode(c.reply(), left.stateid());
          c.currentStateid(left.stateid());
          yield NfsStat4.NFS4_OK;
        }
      };
    }
  }
}
