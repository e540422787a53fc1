package io.selkie.rdma.verbs;

import io.selkie.rdma.MemoryRegion;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A region that the device knows.
 *
 * <p><b>Invariant S3.</b> The device refuses the key from some moment during its deregistration,
 * and has ended every access in flight when that returns; then the invalidation is over. A device
 * of which the latter is not true ({@link VerbsDevice#writesOutlastKeys}) refuses each piece that
 * it begins from then on, and what it had begun is waited for.
 */
final class VerbsRegion implements MemoryRegion {

  /** No memory has this key. */
  static final int NO_KEY = 0;

  private static final Logger LOG = LoggerFactory.getLogger(VerbsRegion.class);

  private final VerbsDomain domain;
  private final long handle;
  private final int key;
  private final int localKey;
  private final long address;
  private final long length;
  private final boolean writable;
  private final AtomicBoolean taken = new AtomicBoolean();
  private final CompletableFuture<Void> dead = new CompletableFuture<>();
  private final CompletionStage<Void> deadStage = dead.minimalCompletionStage();
  // Keeps the mapping alive for as long as the device may use it.
  private volatile MemorySegment memory;

  VerbsRegion(VerbsDomain domain, long handle, MemorySegment memory, boolean writable) {
    this.domain = domain;
    this.handle = handle;
    this.memory = memory;
    this.writable = writable;
    key = NativeVerbs.remoteKey(handle);
    localKey = NativeVerbs.localKey(handle);
    address = memory.address();
    length = memory.byteSize();
  }

  @Override
  public int key() {
    return key;
  }

  @Override
  public long remoteAddress() {
    return address;
  }

  @Override
  public long length() {
    return length;
  }

  @Override
  public boolean isValid() {
    return !taken.get();
  }

  @Override
  public CompletionStage<Void> invalidate() {
    if (taken.compareAndSet(false, true)) {
      domain.provider().takeBack(this::deregister);
    }
    return deadStage;
  }

  @Override
  public CompletionStage<Void> invalidateHere() {
    if (taken.compareAndSet(false, true)) {
      deregister();
    }
    return deadStage;
  }

  private void deregister() {
    // Before the device may give the key to another one.
    domain.provider().retiredKeys().add(key);
    try {
      NativeVerbs.deregister(handle);
      if (writable && domain.provider().device().writesOutlastKeys()) {
        NativeVerbs.awaitReceivers();
      }
    } catch (VerbsException e) {
      // Then the device may still reach the memory: nobody may be told that it cannot.
      LOG.error("deregistration of {} failed; it counts as alive until the process ends", this, e);
      dead.completeExceptionally(e);
      return;
    }
    memory = null;
    domain.retired(this);
    dead.complete(null);
  }

  @Override
  public void abortAccesses() {
    domain.abortAll("accesses to a region that is taken back");
  }

  /**
   * The key that is right for a local buffer of a queue pair in a domain, or {@link #NO_KEY}.
   *
   * @param toWrite whether the device is to write to the buffer
   */
  static int localKey(
      VerbsDomain domain, MemoryRegion region, MemorySegment local, boolean toWrite) {
    return region instanceof VerbsRegion ours
            && ours.domain == domain
            && ours.covers(local, toWrite)
        ? ours.localKey
        : NO_KEY;
  }

  /** Whether a local buffer lies in it, and may be written when it is to be. */
  private boolean covers(MemorySegment local, boolean toWrite) {
    long offset = local.address() - address;
    return isValid()
        && memory != null
        && (writable || !toWrite)
        && offset >= 0
        && offset <= length
        && local.byteSize() <= length - offset;
  }

  @Override
  public String toString() {
    return "region of %d octets of the %s".formatted(length, domain);
  }
}
