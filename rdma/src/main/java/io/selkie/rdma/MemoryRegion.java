package io.selkie.rdma;

import java.util.concurrent.CompletionStage;

/**
 * A registered piece of memory, named by a key on the wire (STag on iWARP, R_key on InfiniBand).
 *
 * <p>Lives from {@link ProtectionDomain#register} until {@link #invalidate()} has completed.
 */
public interface MemoryRegion {

  /** The key a peer presents. Unpredictable, and never given twice in a row. */
  int key();

  /** The address a peer uses for the region's first byte; opaque to it. */
  long remoteAddress();

  /** Length in bytes. */
  long length();

  /** Whether the key is still usable; false from the moment {@link #invalidate()} is called. */
  boolean isValid();

  /**
   * Takes the key back (invariant S3). New accesses are refused from the moment of the call; the
   * stage completes when the last access that had begun is over, bytes of the region that wait in a
   * socket included. Waits for a slow peer without limit: {@link #abortAccesses()} puts an end to
   * that.
   *
   * <p>Idempotent: each call returns the same stage. It completes on the thread that ended the last
   * access, or on the caller's; dependents must be short and must not block.
   */
  CompletionStage<Void> invalidate();

  /**
   * The same for a thread that may wait for accesses in flight: what {@link #invalidate()} would
   * hand to another thread is done on this one, which spares two wake-ups. The stage is complete
   * when this returns, unless somebody else had begun, or the provider ends accesses by events.
   * Another thread can end the wait by {@link #abortAccesses()}.
   */
  default CompletionStage<Void> invalidateHere() {
    return invalidate();
  }

  /**
   * Breaks every queue pair that has an access to this region in flight, so that {@link
   * #invalidate()} ends without the peer's help. Returns at once.
   */
  void abortAccesses();
}
