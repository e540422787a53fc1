package io.selkie.layout.block;

import io.selkie.lease.ByteRange;
import io.selkie.lease.PageCache;
import io.selkie.lease.ScsiUnit;
import io.selkie.lease.Seal;
import io.selkie.protocol.layout.block.BlockExtent4;
import io.selkie.protocol.layout.block.BlockExtentState4;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;

/** One extent that a client was told of. Safe for use by several threads. */
final class ScsiHandle implements StorageLayoutType.ExtentHandle {

  /** What handles of one server have in common. */
  record Means(PageCache cache, Executor blocking, ScsiKeys keys) {}

  private final BlockExtent4 extent;
  private final long clientId;
  private final ScsiUnit unit;
  private final Seal seal;
  private final boolean written;
  private final Means means;
  private final String what;
  private ScsiHandleState state = ScsiHandleState.GRANTED;
  private CompletableFuture<Void> dead = new CompletableFuture<>();

  /**
   * A new one.
   *
   * @param seal lives as long as this
   * @param what for people: client and file
   */
  ScsiHandle(BlockExtent4 extent, ScsiKey key, Seal seal, Means means, String what) {
    this.extent = extent;
    this.clientId = key.clientId();
    this.unit = key.unit();
    this.seal = seal;
    this.written =
        extent.state() == BlockExtentState4.PNFS_BLOCK_READ_WRITE_DATA
            || extent.state() == BlockExtentState4.PNFS_BLOCK_INVALID_DATA;
    this.means = means;
    this.what = what;
  }

  @Override
  public BlockExtent4 extent() {
    return extent;
  }

  /** What the server writes is in its page cache, where this client does not look. */
  @Override
  public OnWrite onWrite() {
    return OnWrite.CHANGES;
  }

  /** The client gave it back: then it has nothing under way (RFC 8881 section 12.5.5). */
  @Override
  public CompletionStage<Void> invalidate() {
    CompletableFuture<Void> answer;
    synchronized (this) {
      boolean again = state == ScsiHandleState.STUCK;
      if (state != ScsiHandleState.GRANTED && !again) {
        return dead.minimalCompletionStage();
      }
      if (again) {
        dead = new CompletableFuture<>();
      }
      become(ScsiHandleState.DROPPING);
      answer = dead;
    }
    drop(answer);
    return answer.minimalCompletionStage();
  }

  @Override
  public CompletionStage<Void> revoke() {
    CompletableFuture<Void> answer;
    synchronized (this) {
      if (state == ScsiHandleState.STUCK) {
        return invalidate();
      }
      answer = dead;
      if (state != ScsiHandleState.GRANTED) {
        return answer.minimalCompletionStage();
      }
      become(ScsiHandleState.FENCING);
    }
    var _ =
        means
            .keys()
            .fence(clientId, unit)
            .thenRun(() -> {
              synchronized (this) {
                become(ScsiHandleState.DROPPING);
              }
              drop(answer);
            });
    return answer.minimalCompletionStage();
  }

  private void drop(CompletableFuture<Void> answer) {
    if (written) {
      means.blocking().execute(() -> ended(answer, forget()));
    } else {
      ended(answer, 0);
    }
  }

  private int forget() {
    return means.cache().drop(seal.target(), new ByteRange(extent.fileOffset(), extent.length()));
  }

  private void ended(CompletableFuture<Void> answer, int result) {
    synchronized (this) {
      become(result < 0 ? ScsiHandleState.STUCK : ScsiHandleState.DEAD);
    }
    if (result < 0) {
      answer.completeExceptionally(
          new IOException(
              "%s: bytes %d+%d are still in the page cache, of before the client wrote them: %s"
                  .formatted(
                      what, extent.fileOffset(), extent.length(), PageCache.describe(result))));
    } else {
      answer.complete(null);
    }
  }

  /** Nothing hastens it: the disk has its own time. */
  @Override
  public void abort() {}

  /** The one transition method; guarded by the monitor. */
  private void become(ScsiHandleState next) {
    if (!state.mayBecome(next)) {
      throw new IllegalStateException("SCSI handle of " + what + ": " + state + " -> " + next);
    }
    state = next;
  }
}
