package io.selkie.client.direct;

import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.RdmaCapabilities;
import io.selkie.rdma.RdmaException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/**
 * The client's own memory as work requests see it: regions that the user registered, and buffers to
 * bounce through for memory that cannot be named in a work request.
 *
 * <p>A provider whose registrations cost nothing and know no bound (the software one) gets a single
 * region over the whole address space, without any remote right, so that every native segment can
 * be used in place. With a device, native memory is used in place once it is {@linkplain #register
 * registered}; other memory is copied.
 */
public final class LocalMemory implements AutoCloseable {
  /** Size of a bounce buffer. */
  public static final int BOUNCE_BYTES = 256 * 1024;

  private static final int BOUNCE_COUNT = 32;

  private final ProtectionDomain domain;
  private final MemoryRegion everything;
  private final IndexPool bounceIndexes = new IndexPool(BOUNCE_COUNT);
  private final Bounce[] bounces = new Bounce[BOUNCE_COUNT];
  private final Arena arena = Arena.ofShared();
  private volatile Registered[] registered = {};

  /**
   * Uses the domain for local memory.
   *
   * @param domain where regions are made; stays the caller's
   * @param capabilities of the domain's provider
   */
  public LocalMemory(ProtectionDomain domain, RdmaCapabilities capabilities) throws RdmaException {
    this.domain = domain;
    this.everything =
        capabilities.fileMappings() && capabilities.maxRegionBytes() == Long.MAX_VALUE
            ? domain.register(addressSpace(), Set.of())
            : null;
  }

  /** Only named in work requests together with a segment that the user may access. */
  @SuppressWarnings("restricted")
  private static MemorySegment addressSpace() {
    return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  }

  /** A bounce buffer, owned by its index's holder. */
  static final class Bounce {
    final MemorySegment memory;
    final MemoryRegion region;
    private MemorySegment slice;

    private Bounce(MemorySegment memory, MemoryRegion region) {
      this.memory = memory;
      this.region = region;
      this.slice = memory;
    }

    /** The first bytes; the same object as last time when the length is the same. */
    MemorySegment first(long bytes) {
      if (slice.byteSize() != bytes) {
        slice = memory.asSlice(0, bytes);
      }
      return slice;
    }
  }

  private record Registered(long start, long end, MemoryRegion region) {}

  /** The region to name in a work request on this memory, or null when it must be copied. */
  MemoryRegion regionOf(MemorySegment memory) {
    if (!memory.isNative()) {
      return null;
    }
    if (everything != null) {
      return everything;
    }
    long start = memory.address();
    long end = start + memory.byteSize();
    for (Registered candidate : registered) {
      if (candidate.start <= start && end <= candidate.end) {
        return candidate.region;
      }
    }
    return null;
  }

  /**
   * Registers memory so that it is used in place. Free of cost where the provider needs none.
   *
   * @param memory native; must stay alive until the handle is closed
   * @return closes the registration; no I/O on the memory may be in flight then
   */
  public AutoCloseable register(MemorySegment memory) throws RdmaException {
    if (everything != null || !memory.isNative()) {
      return () -> {};
    }
    Registered added =
        new Registered(
            memory.address(),
            memory.address() + memory.byteSize(),
            domain.register(memory, Set.of()));
    change(added, null);
    return () -> {
      change(null, added);
      added.region.invalidate();
    };
  }

  private synchronized void change(Registered add, Registered remove) {
    var next = new java.util.ArrayList<>(java.util.List.of(registered));
    next.remove(remove);
    if (add != null) {
      next.add(add);
    }
    registered = next.toArray(Registered[]::new);
  }

  /** A bounce buffer's index, or {@link IndexPool#NONE}. */
  int tryTakeBounce() {
    return bounceIndexes.tryTake();
  }

  /** A bounce buffer's index, or {@link IndexPool#NONE} when none was given back in time. */
  int takeBounce(long timeoutNanos) throws InterruptedException {
    return bounceIndexes.take(timeoutNanos);
  }

  /** The buffer of an index that the caller holds; made at its first use. */
  Bounce bounce(int index) throws RdmaException {
    Bounce bounce = bounces[index];
    if (bounce == null) {
      MemorySegment memory = arena.allocate(BOUNCE_BYTES, 4096);
      MemoryRegion region = everything != null ? everything : domain.register(memory, Set.of());
      bounce = new Bounce(memory, region);
      bounces[index] = bounce;
    }
    return bounce;
  }

  /** The buffer of an index that the caller holds and has used before. */
  Bounce heldBounce(int index) {
    return bounces[index];
  }

  void giveBounce(int index) {
    bounceIndexes.give(index);
  }

  /** Frees the bounce buffers; the domain must be closed before, so that nothing uses them. */
  @Override
  public void close() {
    arena.close();
  }
}
