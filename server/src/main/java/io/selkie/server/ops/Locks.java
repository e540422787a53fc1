package io.selkie.server.ops;

import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.LockArgs4;
import io.selkie.protocol.nfs4.LockOwner4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.state.LockResult;
import io.selkie.server.state.LockTable;
import io.selkie.server.state.OpenState;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;
import java.util.Optional;
import java.util.OptionalInt;

/** The operations on byte-range locks, one class each (RFC 8881 sections 18.10 to 18.12). */
final class Locks {

  private Locks() {}

  /** What they have in common. */
  abstract static class LockOperation extends FileOperation {
    LockOperation(FileServices services, int opcode) {
      super(services, opcode);
    }

    /** Whether anything may be locked anew, or reclaimed, now. */
    final int admit(CompoundContext c, boolean reclaim) {
      return reclaim
          ? services.grace().admitReclaim(c.clientId())
          : services.grace().admitNew(c.clientId());
    }

    /** What a file that can have no locks is refused with; NFS4_OK for one that can. */
    final int checkType(VfsFile file) {
      FileStatus attributes = new FileStatus();
      int status = services.status(file, attributes);
      if (status != NfsStat4.NFS4_OK || attributes.isRegular()) {
        return status;
      }
      if (attributes.isDirectory()) {
        return NfsStat4.NFS4ERR_ISDIR;
      }
      return attributes.isSymbolicLink() ? NfsStat4.NFS4ERR_SYMLINK : NfsStat4.NFS4ERR_WRONG_TYPE;
    }

    /** A stateid that names nothing here may be due to a file that can have none. */
    final int badStateid(VfsFile file) {
      int status = checkType(file);
      return status == NfsStat4.NFS4_OK ? NfsStat4.NFS4ERR_BAD_STATEID : status;
    }

    final int answer(CompoundContext c, LockResult result) {
      return switch (result) {
        case LockResult.Done done -> {
          Stateids.encode(c.reply(), done.stateid());
          c.currentStateid(done.stateid());
          yield NfsStat4.NFS4_OK;
        }
        case LockResult.Denied denied -> {
          denied.by().encode(c.errorBody());
          yield NfsStat4.NFS4ERR_DENIED;
        }
        case LockResult.Refused refused -> refused.status();
      };
    }
  }

  /** LOCK, section 18.10. */
  static final class Lock extends LockOperation {
    Lock(FileServices services) {
      super(services, NfsOp4.OP_LOCK);
    }

    @Override
    public int replyBytesMax() {
      return Stateids.BYTES;
    }

    @Override
    public int execute(CompoundContext c) {
      LockArgs4.Lock args = LockArgs4.Lock.decode(c.args());
      Stateid4 stateid = DataOperation.resolve(c, args.stateid());
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      if (!LockTable.isRange(args.offset(), args.length())) {
        return NfsStat4.NFS4ERR_INVAL;
      }
      if (stateid == null || Stateids.isSpecial(stateid)) {
        return badStateid(file);
      }
      int status = admit(c, args.reclaim());
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      LockResult result = lock(c, file, args.with(stateid));
      if (result instanceof LockResult.Denied && args.reclaim()) {
        return NfsStat4.NFS4ERR_RECLAIM_CONFLICT;
      }
      if (result instanceof LockResult.Denied && services.courtesy().giveWay(file.identity())) {
        return NfsStat4.NFS4ERR_DELAY;
      }
      return result instanceof LockResult.Refused(int refused)
              && refused == NfsStat4.NFS4ERR_BAD_STATEID
          ? badStateid(file)
          : answer(c, result);
    }

    private LockResult lock(CompoundContext c, VfsFile file, LockArgs4.Lock args) {
      long clientId = c.clientId();
      if (args.newOwner() == null) {
        return services.locks().lock(clientId, file.identity(), args);
      }
      int status = services.opens().check(clientId, args.stateid(), file.identity());
      OpenState open = services.opens().find(args.stateid());
      if (status != NfsStat4.NFS4_OK || open == null) {
        return new LockResult.Refused(
            status != NfsStat4.NFS4_OK ? status : NfsStat4.NFS4ERR_BAD_STATEID);
      }
      return services.locks().lock(open, args.newOwner().of(clientId), args);
    }
  }

  /**
   * LOCKT, section 18.11: needs no open, so that of nobody's open file local locks are seen too.
   */
  static final class Test extends LockOperation {
    Test(FileServices services) {
      super(services, NfsOp4.OP_LOCKT);
    }

    @Override
    public int execute(CompoundContext c) {
      LockArgs4.Test args = LockArgs4.Test.decode(c.args());
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      if (!LockTable.isRange(args.offset(), args.length())) {
        return NfsStat4.NFS4ERR_INVAL;
      }
      int status = checkType(file);
      if (status == NfsStat4.NFS4_OK) {
        status = admit(c, false);
      }
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      LockOwner4 owner = args.owner().of(c.clientId());
      Descriptions.Opened opened = DataOperation.description(services, c, file, false);
      if (opened.status() != NfsStat4.NFS4_OK) {
        return opened.status();
      }
      OpenFile description = opened.file();
      try {
        Optional<LockResult> inTheWay =
            services.locks().test(owner, file.identity(), args, OptionalInt.of(description.fd()));
        return inTheWay.isEmpty() ? NfsStat4.NFS4_OK : answer(c, inTheWay.get());
      } finally {
        description.release();
      }
    }
  }

  /** LOCKU, section 18.12. */
  static final class Unlock extends LockOperation {
    Unlock(FileServices services) {
      super(services, NfsOp4.OP_LOCKU);
    }

    @Override
    public boolean givesBack() {
      return true;
    }

    @Override
    public int replyBytesMax() {
      return Stateids.BYTES;
    }

    @Override
    public int execute(CompoundContext c) {
      LockArgs4.Unlock args = LockArgs4.Unlock.decode(c.args());
      Stateid4 stateid = DataOperation.resolve(c, args.stateid());
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      if (!LockTable.isRange(args.offset(), args.length())) {
        return NfsStat4.NFS4ERR_INVAL;
      }
      if (stateid == null || Stateids.isSpecial(stateid)) {
        return badStateid(file);
      }
      LockResult result =
          services.locks().unlock(c.clientId(), file.identity(), args.with(stateid));
      return result instanceof LockResult.Refused(int refused)
              && refused == NfsStat4.NFS4ERR_BAD_STATEID
          ? badStateid(file)
          : answer(c, result);
    }
  }
}
