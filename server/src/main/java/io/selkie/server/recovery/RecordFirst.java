package io.selkie.server.recovery;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.server.compound.Around;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts the client's record on disk before an operation that may give it its first state, OPEN or
 * WANT_DELEGATION: all other state hangs on what these made. Once it is there, it costs one look.
 */
final class RecordFirst extends Around {

  private static final Logger LOG = LoggerFactory.getLogger(RecordFirst.class);

  private final Recovery recovery;

  RecordFirst(Operation operation, Recovery recovery) {
    super(operation);
    this.recovery = recovery;
  }

  @Override
  public int execute(CompoundContext c) {
    if (recovery.admitNew(c.clientId()) != NfsStat4.NFS4_OK) {
      // It gets nothing new; what it reclaims is of a client with a record.
      return operation.execute(c);
    }
    CompletableFuture<Void> written =
        recovery.remember(c.clientId(), denies(c)).toCompletableFuture();
    if (written.isDone() && !written.isCompletedExceptionally()) {
      return operation.execute(c);
    }
    return c.suspend(
        written,
        (context, nothing, failure) -> {
          if (failure == null) {
            return operation.execute(context);
          }
          LOG.warn("{} is put off: {}", operation.name(), failure.getMessage());
          return NfsStat4.NFS4ERR_DELAY;
        });
  }

  /** Whether the OPEN denies something: seqid, share_access and share_deny come first. */
  private boolean denies(CompoundContext c) {
    if (opcode() != NfsOp4.OP_OPEN) {
      return false;
    }
    int start = c.args().position();
    c.args().skip(2 * Integer.BYTES);
    int deny = c.args().int32();
    c.args().position(start);
    return deny != OpenConst4.OPEN4_SHARE_DENY_NONE;
  }
}
