package io.selkie.server.ops;

import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.layout.DelegationArbiter;
import io.selkie.layout.LayoutArbiter.LayoutGetRequest;
import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.state.LockTable;
import io.selkie.server.state.OpenState;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;
import java.util.Optional;

/** LAYOUTGET, RFC 8881 section 18.43. */
final class LayoutGet extends FileOperation {

  /** What a result has besides the body: two booleans, a stateid, and one layout4's words. */
  private static final int OVERHEAD_BYTES = 4 + Stateids.BYTES + 4 + 8 + 8 + 4 + 4 + 4;

  private static final long TO_EOF = Nfs4Const.NFS4_UINT64_MAX;

  LayoutGet(FileServices services) {
    super(services, NfsOp4.OP_LAYOUTGET);
  }

  @Override
  public int replyBytesMax() {
    // Less is answered with what fits, or with NFS4ERR_TOOSMALL by the arbiter.
    return OVERHEAD_BYTES;
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    args.bool();
    int type = args.int32();
    int ioMode = args.int32();
    long offset = args.int64();
    long length = args.int64();
    long minLength = args.int64();
    Stateid4 stateid = c.resolve(Stateids.decode(args));
    long maxCount = args.uint32();
    if (!(c.currentFile() instanceof VfsFile file)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    int status = checkArguments(c.slot().isOfPnfsClient(), type, ioMode, offset, length, minLength);
    if (status == NfsStat4.NFS4_OK) {
      status = refusal(c, file, type, ioMode);
    }
    if (status == NfsStat4.NFS4_OK && (stateid == null || Stateids.isSpecial(stateid))) {
      status = NfsStat4.NFS4ERR_BAD_STATEID;
    }
    if (status != NfsStat4.NFS4_OK) {
      return refused(c, status, false);
    }
    // Section 18.43.3: layouts are not kept over a restart, what others reclaim goes first.
    status = services.grace().admitNew(c.clientId());
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    DelegationArbiter delegations = services.arbiter().delegations();
    boolean ofLayout = services.arbiter().isLayoutStateid(stateid);
    int access;
    if (ofLayout) {
      access =
          services.opens().accessOf(c.clientId(), file.identity())
              | delegations.accessOf(c.clientId(), file.identity());
    } else if (delegations.isDelegationStateid(stateid)) {
      status = delegations.check(c.clientId(), stateid, file.identity());
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      access = delegations.accessOf(c.clientId(), file.identity());
    } else {
      if (LockTable.isLockStateid(stateid)) {
        status = services.locks().check(c.clientId(), stateid, file.identity());
        if (status != NfsStat4.NFS4_OK) {
          return status;
        }
        stateid = services.locks().openOf(stateid);
      }
      status = services.opens().check(c.clientId(), stateid, file.identity());
      OpenState state = services.opens().find(stateid);
      if (status != NfsStat4.NFS4_OK || state == null) {
        return status == NfsStat4.NFS4_OK ? NfsStat4.NFS4ERR_BAD_STATEID : status;
      }
      access = state.access();
    }
    // What has no open has no description to be sealed; its layouts went with the last CLOSE.
    Optional<OpenFile> target =
        access == 0 ? Optional.empty() : services.files().find(file.identity());
    if (target.isEmpty()) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    long bodyBytes = Math.min(maxCount, c.replyRoom() - OVERHEAD_BYTES);
    LayoutGetRequest request =
        new LayoutGetRequest(
            c.clientId(),
            c.sessionId().toString(),
            target.get(),
            stateid,
            ofLayout,
            (access & OpenConst4.OPEN4_SHARE_ACCESS_READ) != 0,
            (access & OpenConst4.OPEN4_SHARE_ACCESS_WRITE) != 0,
            type,
            ioMode,
            offset,
            length == 0 ? TO_EOF : length,
            minLength,
            (int) Math.max(0, bodyBytes),
            file.handleBytes(),
            Optional.of(
                new CallReference(c.sessionId(), c.slot().slotId(), c.slot().sequenceId())));
    return c.suspend(
        services.arbiter().layoutGet(request),
        (context, result, failure) -> {
          target.get().release();
          if (failure != null) {
            return failed(context, failure);
          }
          return result instanceof LayoutGetResult.Granted granted
              ? granted(context, file, granted)
              : answer(context, result);
        });
  }

  /**
   * Whether the export's rules let a client have such a layout: NFS4_OK or why not. An open
   * outlives a change of them, and what is written one-sided passes no WRITE that would say
   * NFS4ERR_ROFS, which is no answer to LAYOUTGET. While the file system is in trouble that may end
   * by itself it is worth to ask again.
   */
  private int refusal(CompoundContext c, VfsFile file, int type, int ioMode) {
    if (!services.offers(file, type)
        || (ioMode != LayoutConst4.LAYOUTIOMODE4_READ && services.isReadOnlyFor(c, file))) {
      return NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE;
    }
    return switch (services.layoutsWithheld(file)) {
      case NO -> NfsStat4.NFS4_OK;
      case FOR_NOW -> NfsStat4.NFS4ERR_LAYOUTTRYLATER;
      case FOR_GOOD -> NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE;
    };
  }

  private static int refused(CompoundContext c, int status, boolean willSignal) {
    if (status == NfsStat4.NFS4ERR_LAYOUTTRYLATER) {
      c.errorBody().bool(willSignal);
    }
    return status;
  }

  /**
   * The client's last CLOSE, or the end of a delegation that stood for an open, may have come
   * between the check of the stateid and the grant, and have found no layout to take along; then
   * this one goes now. So it does when the export's rules have changed meanwhile, which recalls
   * what there was. Whatever comes from here on finds it.
   */
  private int granted(CompoundContext c, VfsFile file, LayoutGetResult.Granted granted) {
    long clientId = c.clientId();
    boolean isOpen =
        services.opens().accessOf(clientId, file.identity()) != 0
            || services.arbiter().delegations().accessOf(clientId, file.identity()) != 0;
    int status =
        isOpen
            ? refusal(c, file, granted.layoutType(), granted.ioMode())
            : NfsStat4.NFS4ERR_BAD_STATEID;
    if (status == NfsStat4.NFS4_OK) {
      return answer(c, granted);
    }
    return c.suspend(
        services.arbiter().lastClose(clientId, file.identity()),
        (context, nothing, failure) ->
            failure == null ? refused(context, status, false) : failed(context, failure));
  }

  private int checkArguments(
      boolean isOfPnfsClient, int type, int ioMode, long offset, long length, long minLength) {
    if (!services.arbiter().layoutTypes().contains(type)) {
      return NfsStat4.NFS4ERR_UNKNOWN_LAYOUTTYPE;
    }
    if (!isOfPnfsClient) {
      return NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE;
    }
    if (ioMode != LayoutConst4.LAYOUTIOMODE4_READ && ioMode != LayoutConst4.LAYOUTIOMODE4_RW) {
      return NfsStat4.NFS4ERR_BADIOMODE;
    }
    return Long.compareUnsigned(length, minLength) < 0
            || overflows(offset, length)
            || overflows(offset, minLength)
        ? NfsStat4.NFS4ERR_INVAL
        : NfsStat4.NFS4_OK;
  }

  private static boolean overflows(long offset, long length) {
    return length != TO_EOF && Long.compareUnsigned(offset + length, offset) < 0;
  }

  private static int answer(CompoundContext c, LayoutGetResult result) {
    switch (result) {
      case LayoutGetResult.Granted granted -> {
        XdrWriter out = c.reply();
        out.bool(granted.returnOnClose());
        Stateids.encode(out, granted.stateid());
        out.int32(1);
        out.int64(granted.offset());
        out.int64(granted.length());
        out.int32(granted.ioMode());
        out.int32(granted.layoutType());
        out.opaque(granted.content());
        c.currentStateid(granted.stateid());
        return NfsStat4.NFS4_OK;
      }
      case LayoutGetResult.Refused refused -> {
        return refused(c, refused.status(), refused.willSignal());
      }
    }
  }
}
