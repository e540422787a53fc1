package io.selkie.rdma.iwarp;

import io.selkie.posix.MappedBytes;
import io.selkie.rdma.MemoryRegion;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A registered segment with its count of accesses in flight.
 *
 * <p><b>Invariant S3.</b> {@code state} holds the count and, in its top bit, whether the region is
 * dead. An access counts itself in first and looks at the dead bit of what it found; a dead region
 * is left again without being touched. Whoever brings the count of a dead region to zero completes
 * the invalidation. An access is: the placement of one DDP segment, the copy of one outgoing
 * segment, and each outgoing buffer that holds octets of the region until the kernel has taken them
 * all.
 */
final class IwarpRegion implements MemoryRegion {

  private static final long DEAD = Long.MIN_VALUE;
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(IwarpRegion.class, "state", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final int key;
  private final long base;
  private final long length;
  private final long nativeAddress;
  private final IwarpDomain domain;
  private final boolean remoteRead;
  private final boolean remoteWrite;
  private final boolean readOnly;
  private final CompletableFuture<Void> dead = new CompletableFuture<>();
  private final CompletionStage<Void> deadStage = dead.minimalCompletionStage();
  private final AtomicBoolean finished = new AtomicBoolean();

  // Null once the invalidation is over, so that a retired key keeps no mapping alive.
  private volatile MemorySegment memory;

  @SuppressWarnings("UnusedVariable") // through STATE
  private volatile long state;

  /**
   * @param base tagged offset of the first octet
   */
  IwarpRegion(
      int key,
      long base,
      MemorySegment memory,
      IwarpDomain domain,
      boolean remoteRead,
      boolean remoteWrite) {
    this.key = key;
    this.base = base;
    this.memory = memory;
    this.length = memory.byteSize();
    this.nativeAddress = memory.address();
    this.readOnly = memory.isReadOnly();
    this.domain = domain;
    this.remoteRead = remoteRead;
    this.remoteWrite = remoteWrite;
  }

  @Override
  public int key() {
    return key;
  }

  @Override
  public long remoteAddress() {
    return base;
  }

  @Override
  public long length() {
    return length;
  }

  @Override
  public boolean isValid() {
    return ((long) STATE.getVolatile(this) & DEAD) == 0;
  }

  @Override
  public CompletionStage<Void> invalidate() {
    long before = (long) STATE.getAndBitwiseOr(this, DEAD);
    if (before == 0) {
      finish();
    }
    return deadStage;
  }

  @Override
  public void abortAccesses() {
    domain.abortAccesses(this);
  }

  IwarpDomain domain() {
    return domain;
  }

  boolean remoteRead() {
    return remoteRead;
  }

  boolean remoteWrite() {
    return remoteWrite;
  }

  /** Whether a peer may name this region at all. */
  boolean isRemote() {
    return remoteRead || remoteWrite;
  }

  boolean readOnly() {
    return readOnly;
  }

  /** Whether the invalidation is over. */
  boolean isFinished() {
    return finished.get();
  }

  /** Counts an access in; false when the region is dead, and then it must not be touched. */
  boolean begin() {
    if ((long) STATE.getAndAdd(this, 1L) >= 0) {
      return true;
    }
    end();
    return false;
  }

  /** Counts an access out. */
  void end() {
    if ((long) STATE.getAndAdd(this, -1L) == (DEAD | 1)) {
      finish();
    }
  }

  /** Whether an octet range, by tagged offset, lies in the region. The end must not wrap. */
  boolean contains(long taggedOffset, long bytes) {
    long offset = taggedOffset - base;
    return Long.compareUnsigned(taggedOffset, base) >= 0
        && Long.compareUnsigned(offset, length) <= 0
        && Long.compareUnsigned(bytes, length - offset) <= 0;
  }

  /** Offset in the segment of a local address range, or -1 when it does not lie in it. */
  long offsetOf(MemorySegment local) {
    long offset = local.address() - nativeAddress;
    return offset >= 0 && offset <= length && local.byteSize() <= length - offset ? offset : -1;
  }

  /**
   * Copies octets out of the region. Call between {@link #begin} and {@link #end} only.
   *
   * @return false when the memory is not there any more: the file was cut, or its storage is bad
   * @throws IllegalStateException when it was closed
   */
  boolean copyOut(long offset, MemorySegment to, long toOffset, long bytes) {
    return MappedBytes.copy(memory, offset, to, toOffset, bytes);
  }

  /** Copies octets into the region; as {@link #copyOut}. */
  boolean copyIn(MemorySegment from, long fromOffset, long offset, long bytes) {
    return MappedBytes.copy(from, fromOffset, memory, offset, bytes);
  }

  private void finish() {
    // Late comers only count themselves in and out again; the first to get here ends it.
    if (finished.compareAndSet(false, true)) {
      domain.retired(this);
      memory = null;
      dead.complete(null);
    }
  }
}
