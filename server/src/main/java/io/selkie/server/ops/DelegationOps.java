package io.selkie.server.ops;

import io.selkie.layout.DelegationType;
import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.VfsFile;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** The operations on delegations but for OPEN. */
final class DelegationOps {

  private DelegationOps() {}

  /** DELEGRETURN, RFC 8881 section 18.6. */
  static final class Return extends FileOperation {
    Return(FileServices services) {
      super(services, NfsOp4.OP_DELEGRETURN);
    }

    @Override
    public boolean givesBack() {
      return true;
    }

    @Override
    public int execute(CompoundContext c) {
      Stateid4 stateid = c.resolve(Stateids.decode(c.args()));
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      if (stateid == null || Stateids.isSpecial(stateid)) {
        return NfsStat4.NFS4ERR_BAD_STATEID;
      }
      long clientId = c.clientId();
      CompletionStage<Integer> done =
          services
              .arbiter()
              .delegations()
              .giveBack(clientId, stateid, file.identity())
              .thenCompose(status -> layouts(clientId, file, status));
      return c.suspend(
          done, (context, status, failure) -> failure == null ? status : failed(context, failure));
    }

    /** Layouts to be returned on close hang on delegations too (section 12.5.5.1). */
    private CompletionStage<Integer> layouts(long clientId, VfsFile file, int status) {
      return status == NfsStat4.NFS4_OK
              && services.opens().accessOf(clientId, file.identity()) == 0
              && services.arbiter().holdsLayouts(clientId)
          ? services.arbiter().lastClose(clientId, file.identity()).thenApply(_ -> status)
          : CompletableFuture.completedFuture(status);
    }
  }

  /** WANT_DELEGATION, section 18.49. No wish is kept: who gets none asks again. */
  static final class Want extends FileOperation {
    private final Delegating delegating;

    Want(FileServices services) {
      super(services, NfsOp4.OP_WANT_DELEGATION);
      this.delegating = new Delegating(services);
    }

    @Override
    public int replyBytesMax() {
      return Delegating.RESULT_BYTES;
    }

    @Override
    public int execute(CompoundContext c) {
      int want = c.args().int32();
      int claim = c.args().enumeration(OpenConst4.CLAIM_NULL, OpenConst4.CLAIM_DELEG_PREV_FH);
      if (claim == OpenConst4.CLAIM_PREVIOUS) {
        c.args().int32();
      }
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      switch (claim) {
        case OpenConst4.CLAIM_FH -> {}
        case OpenConst4.CLAIM_PREVIOUS -> {
          // What is held without an open is reclaimed by an OPEN of its own, or not at all.
          return NfsStat4.NFS4ERR_NO_GRACE;
        }
        case OpenConst4.CLAIM_DELEG_PREV_FH -> {
          return NfsStat4.NFS4ERR_NOTSUPP;
        }
        default -> {
          return NfsStat4.NFS4ERR_INVAL;
        }
      }
      int admitted = services.grace().admitNew(c.clientId());
      return admitted == NfsStat4.NFS4_OK ? want(c, file, want) : admitted;
    }

    private int want(CompoundContext c, VfsFile file, int want) {
      int wish = want & OpenConst4.OPEN4_SHARE_ACCESS_WANT_DELEG_MASK;
      if (wish == OpenConst4.OPEN4_SHARE_ACCESS_WANT_CANCEL) {
        Delegating.encode(c.reply(), Delegating.Answer.none(true, OpenConst4.WND4_CANCELLED));
        return NfsStat4.NFS4_OK;
      }
      if ((wish & ~OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG) == 0
          || wish > OpenConst4.OPEN4_SHARE_ACCESS_WANT_ANY_DELEG) {
        return NfsStat4.NFS4ERR_INVAL;
      }
      FileStatus status = new FileStatus();
      int result = services.status(file, status);
      if (result != NfsStat4.NFS4_OK) {
        return result;
      }
      if (status.isDirectory()) {
        return NfsStat4.NFS4ERR_ISDIR;
      }
      boolean write = wish == OpenConst4.OPEN4_SHARE_ACCESS_WANT_WRITE_DELEG;
      if (!status.isRegular()) {
        Delegating.encode(
            c.reply(),
            Delegating.Answer.none(
                true,
                write
                    ? OpenConst4.WND4_WRITE_DELEG_NOT_SUPP_FTYPE
                    : OpenConst4.WND4_NOT_SUPP_FTYPE));
        return NfsStat4.NFS4_OK;
      }
      return want(c, file, want, write);
    }

    private int want(CompoundContext c, VfsFile file, int want, boolean write) {
      int allowed = services.mayReadOrWrite(file, true, write);
      if (allowed != NfsStat4.NFS4_OK) {
        return allowed;
      }
      Descriptions.Opened opened = Descriptions.open(services, file, write, c);
      if (opened.status() != NfsStat4.NFS4_OK) {
        return opened.status();
      }
      try {
        Delegating.encode(
            c.reply(),
            delegating.ask(
                c,
                file,
                opened.file(),
                write ? DelegationType.WRITE : DelegationType.READ,
                want,
                false,
                true));
      } finally {
        opened.file().release();
      }
      return NfsStat4.NFS4_OK;
    }
  }
}
