package io.selkie.layout.block;

import io.selkie.config.time.Timers;
import io.selkie.lease.ByteRange;
import io.selkie.protocol.nfs4.DeviceId4;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Some extents that a client was told of. Safe for use by several threads. */
final class BlockHandle implements StorageLayoutType.ExtentHandle {

  private static final Logger LOG = LoggerFactory.getLogger(BlockHandle.class);

  private final DeviceId4 volumeId;
  private final ByteRange range;
  private final OnWrite onWrite;
  private final Timers timers;
  private final long expiryNanos;
  private final Supplier<String> what;
  private final CompletableFuture<Void> dead = new CompletableFuture<>();
  private BlockHandleState state = BlockHandleState.GRANTED;

  /**
   * A new one.
   *
   * @param expiryNanos how long a client that is not heard may go on
   * @param what for people: client and file
   */
  BlockHandle(
      DeviceId4 volumeId,
      ByteRange range,
      OnWrite onWrite,
      Timers timers,
      long expiryNanos,
      Supplier<String> what) {
    this.volumeId = volumeId;
    this.range = range;
    this.onWrite = onWrite;
    this.timers = timers;
    this.expiryNanos = expiryNanos;
    this.what = what;
  }

  @Override
  public DeviceId4 volumeId() {
    return volumeId;
  }

  @Override
  public OnWrite onWrite() {
    return onWrite;
  }

  /** The client gave it back: then it has nothing under way (RFC 8881 section 12.5.5). */
  @Override
  public CompletionStage<Void> invalidate() {
    if (advance(BlockHandleState.GRANTED, BlockHandleState.DEAD)) {
      dead.complete(null);
    }
    return dead.minimalCompletionStage();
  }

  @Override
  public CompletionStage<Void> revoke() {
    if (advance(BlockHandleState.GRANTED, BlockHandleState.AWAITING_EXPIRY)) {
      LOG.warn(
          "{}: bytes {}+{} were not given back, and nobody can keep the client from the device:"
              + " waiting {} ms until it must have stopped by itself",
          what.get(),
          range.offset(),
          range.length(),
          expiryNanos / 1_000_000);
      timers.schedule(expiryNanos, this::expired);
    }
    return dead.minimalCompletionStage();
  }

  private void expired() {
    if (advance(BlockHandleState.AWAITING_EXPIRY, BlockHandleState.DEAD)) {
      dead.complete(null);
    }
  }

  /** Nothing hastens it: there is no connection to break, and no device that refuses. */
  @Override
  public void abort() {}

  /** Goes on when it is in that state; the one transition method. */
  private synchronized boolean advance(BlockHandleState from, BlockHandleState next) {
    if (state != from) {
      return false;
    }
    if (!state.mayBecome(next)) {
      throw new IllegalStateException(
          "block handle of " + what.get() + ": " + state + " -> " + next);
    }
    state = next;
    return true;
  }
}
