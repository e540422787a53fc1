package io.selkie.layout.block;

import io.selkie.lease.ByteRange;
import io.selkie.lease.ScsiUnit;
import io.selkie.lease.Seal;
import io.selkie.protocol.layout.block.BlockExtentState4;
import io.selkie.protocol.nfs4.DeviceId4;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Some extents that a client was told of. Safe for use by several threads. */
final class ScsiHandle implements StorageLayoutType.ExtentHandle, CacheDrops.Drop {

  private static final Logger LOG = LoggerFactory.getLogger(ScsiHandle.class);

  /** What handles of one server have in common. */
  record Means(CacheDrops drops, ScsiKeys keys) {}

  private final DeviceId4 volumeId;
  private final ByteRange range;
  private final long clientId;
  private final ScsiUnit unit;
  private final Seal seal;
  private final boolean written;
  private final Means means;
  private final String what;
  private final CompletableFuture<Void> dead = new CompletableFuture<>();
  private ScsiHandleState state = ScsiHandleState.GRANTED;
  private boolean wasStuck;

  /**
   * A new one.
   *
   * @param extentState of all of them
   * @param seal lives as long as this
   * @param what for people: client and file
   */
  ScsiHandle(
      DeviceId4 volumeId,
      ByteRange range,
      BlockExtentState4 extentState,
      ScsiKey key,
      Seal seal,
      Means means,
      String what) {
    this.volumeId = volumeId;
    this.range = range;
    this.clientId = key.clientId();
    this.unit = key.unit();
    this.seal = seal;
    this.written =
        extentState == BlockExtentState4.PNFS_BLOCK_READ_WRITE_DATA
            || extentState == BlockExtentState4.PNFS_BLOCK_INVALID_DATA;
    this.means = means;
    this.what = what;
  }

  @Override
  public DeviceId4 volumeId() {
    return volumeId;
  }

  /** What the server writes is in its page cache, where this client does not look. */
  @Override
  public OnWrite onWrite() {
    return OnWrite.CHANGES;
  }

  /** The client gave it back: then it has nothing under way (RFC 8881 section 12.5.5). */
  @Override
  public CompletionStage<Void> invalidate() {
    synchronized (this) {
      if (state != ScsiHandleState.GRANTED) {
        return dead.minimalCompletionStage();
      }
      become(ScsiHandleState.DROPPING);
    }
    drop();
    return dead.minimalCompletionStage();
  }

  @Override
  public CompletionStage<Void> revoke() {
    synchronized (this) {
      if (state != ScsiHandleState.GRANTED) {
        return dead.minimalCompletionStage();
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
              drop();
            });
    return dead.minimalCompletionStage();
  }

  private void drop() {
    if (written) {
      means.drops().add(unit, seal, this);
    } else {
      gone();
    }
  }

  @Override
  public ByteRange range() {
    return range;
  }

  @Override
  public void gone() {
    synchronized (this) {
      become(ScsiHandleState.DEAD);
    }
    dead.complete(null);
  }

  @Override
  public void stays(String why) {
    boolean first;
    synchronized (this) {
      become(ScsiHandleState.STUCK);
      first = !wasStuck;
      wasStuck = true;
    }
    if (first) {
      LOG.error(
          "{}: bytes {}+{} are still in the page cache, of before the client wrote them: {}. The"
              + " seal is kept, and they are asked for again and again",
          what,
          range.offset(),
          range.length(),
          why);
    }
  }

  @Override
  public synchronized void again() {
    become(ScsiHandleState.DROPPING);
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
