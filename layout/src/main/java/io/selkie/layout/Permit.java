package io.selkie.layout;

import io.selkie.lease.ByteRange;
import java.util.function.Consumer;

/** Leave to change a file, for as long as it is open. */
final class Permit implements ChangePermit.Granted {
  final FileChange change;
  final ByteRange range;
  final long clientId;
  private final Consumer<Permit> onClose;

  /** Guarded by the file's lock. */
  boolean closed;

  Permit(FileChange change, ByteRange range, long clientId, Consumer<Permit> onClose) {
    this.change = change;
    this.range = range;
    this.clientId = clientId;
    this.onClose = onClose;
  }

  /**
   * Whether a grant must wait for it. Writes do not stand in the way, preparing a range changes no
   * byte; only a grant whose holes were written while it was made waits for them the next time.
   * What may move the end of the file zeroes the rest of the block in which it ended, wherever the
   * range is: a client that writes whole blocks past the server is let in after that.
   */
  boolean blocks(GrantOp op) {
    if (change.mayMoveEnd() && op.writesBlocks()) {
      return true;
    }
    if (!range.overlaps(op.range)) {
      return false;
    }
    return switch (change) {
      case READ, OPEN_READ, OPEN_WRITE, METADATA -> false;
      case READ_STORED -> op.writesBlocks();
      case WRITE -> op.attempts > 0;
      case CONFLICTING_OPEN -> op.clientId() != clientId;
      case SHRINK, PUNCH, REMAP, SHARE, ACCESS_CHANGE, REOPEN -> true;
    };
  }

  @Override
  public void close() {
    onClose.accept(this);
  }
}
