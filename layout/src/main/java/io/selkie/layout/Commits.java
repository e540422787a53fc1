package io.selkie.layout;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADLAYOUT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DQUOT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_INVAL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_IO;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_NOSPC;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_NO_GRACE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_UNKNOWN_LAYOUTTYPE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;

import io.selkie.layout.LayoutArbiter.LayoutCommitRequest;
import io.selkie.layout.LayoutArbiter.LayoutCommitResult;
import io.selkie.lease.ByteRange;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.Seal;

/**
 * LAYOUTCOMMIT: checks, then flushes without a lock, in pieces, so that a fence meanwhile does not
 * wait for all of it. The seal is not given up by itself while that runs; when it must go, it goes,
 * and the flush ends with an error ({@link io.selkie.lease.Seal#flush} bears that).
 */
final class Commits {

  private static final long PIECE_BYTES = 64L << 20;
  private static final int ENOSPC = 28;
  private static final int EDQUOT = 122;
  private static final int EINVAL = 22;
  private static final int ESTALE = 116;

  /** Brings an event to a file when it is there. */
  interface Dispatcher {
    boolean dispatch(FileIdentity file, FileEvent event);
  }

  private final FileContext context;
  private final Dispatcher dispatcher;

  Commits(FileContext context, Dispatcher dispatcher) {
    this.context = context;
    this.dispatcher = dispatcher;
  }

  LayoutCommitResult commit(LayoutCommitRequest request, LayoutType type) {
    if (type == null) {
      return result(NFS4ERR_UNKNOWN_LAYOUTTYPE, "layout type " + request.layoutType());
    }
    if (request.reclaim()) {
      return result(NFS4ERR_NO_GRACE, "there is no grace period");
    }
    if (Ranges.overflows(request.offset(), request.length())) {
      return result(NFS4ERR_INVAL, "offset and length exceed NFS4_UINT64_MAX");
    }
    FlushOp op =
        new FlushOp(
            request.clientId(),
            request.layoutType(),
            request.stateid(),
            inBlocks(Ranges.clip(request.offset(), request.length()), type.blockBytes()),
            type.names() == Seal.Names.STORAGE);
    FileIdentity file = request.file().identity();
    if (!dispatcher.dispatch(file, new FileEvent.FlushBegin(op))) {
      return result(
          context.ledger().statusOfDead(request.clientId(), request.stateid()),
          "nothing is held of this file");
    }
    if (!op.begun) {
      return result(op.status, op.reason);
    }
    try {
      int status = type.checkUpdate(request.updateBody(), op.held);
      if (status != NFS4_OK) {
        return result(status, "the layout update is not acceptable");
      }
      int done =
          type.commit(
              op.seal,
              request.updateBody(),
              op.held,
              request.endBytes(),
              () -> op.cancelled != NFS4_OK);
      if (op.cancelled != NFS4_OK) {
        return result(op.cancelled, "fenced or cut off while it was being committed");
      }
      return switch (done) {
        case LayoutType.FLUSH_MAPPING -> flush(op);
        case 0 -> result(NFS4_OK, "");
        default -> failed(done, "commit");
      };
    } finally {
      dispatcher.dispatch(file, new FileEvent.FlushEnd(op));
    }
  }

  private static LayoutCommitResult flush(FlushOp op) {
    for (ByteRange range : op.held) {
      for (long at = range.offset(); at < range.end(); at += PIECE_BYTES) {
        if (op.cancelled != NFS4_OK) {
          return result(op.cancelled, "fenced or cut off while it was being flushed");
        }
        long end = range.end() - at > PIECE_BYTES ? at + PIECE_BYTES : range.end();
        int errno = op.seal.flush(Ranges.between(at, end));
        if (errno < 0) {
          return failed(errno, "flush of " + at + ".." + end);
        }
      }
    }
    return result(NFS4_OK, "");
  }

  /** Linux' client names the bytes it wrote, and lists the whole blocks they are in. */
  private static ByteRange inBlocks(ByteRange range, int blockBytes) {
    if (blockBytes == 0 || range.end() > Long.MAX_VALUE - blockBytes) {
      return range;
    }
    return Ranges.between(range.offset() & -blockBytes, range.end() + blockBytes - 1 & -blockBytes);
  }

  private static LayoutCommitResult failed(int errno, String what) {
    return result(
        switch (-errno) {
          case ENOSPC -> NFS4ERR_NOSPC;
          case EDQUOT -> NFS4ERR_DQUOT;
          case EINVAL -> NFS4ERR_INVAL;
          // The seal went meanwhile, and with it the layout: what is not known to be durable has to
          // be written again.
          case ESTALE -> NFS4ERR_BADLAYOUT;
          default -> NFS4ERR_IO;
        },
        what + " failed with errno " + -errno);
  }

  private static LayoutCommitResult result(int status, String reason) {
    return new LayoutCommitResult(status, reason);
  }
}
