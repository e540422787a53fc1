package io.selkie.rdma.iwarp;

import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RemoteAccess;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** A protection domain: a set of regions and the queue pairs that may touch them. */
final class IwarpDomain implements ProtectionDomain {

  /** A queue pair as its domain knows it. */
  interface Member {
    /** As {@link io.selkie.rdma.QueuePair#abort}. */
    void abort(String reason);

    /** Breaks it when octets of this region wait in it; returns at once. */
    void abortIfHolding(IwarpRegion region);
  }

  private static final int OWNER_CHARS_MAX = 128;

  private final IwarpProvider provider;
  private final String owner;
  private final RegionTable table;
  private final IwarpStatistics statistics;
  private final Set<IwarpRegion> regions = ConcurrentHashMap.newKeySet();
  private final Set<Member> members = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  IwarpDomain(IwarpProvider provider, String owner, RegionTable table, IwarpStatistics statistics) {
    if (owner.length() > OWNER_CHARS_MAX) {
      throw new IllegalArgumentException(
          "owner of a protection domain has " + owner.length() + " characters; 128 are allowed");
    }
    this.provider = provider;
    this.owner = owner;
    this.table = table;
    this.statistics = statistics;
  }

  @Override
  public MemoryRegion register(MemorySegment memory, Set<RemoteAccess> access)
      throws RdmaException {
    if (closed) {
      throw new RdmaException(
          RdmaException.Reason.CLOSED, "the protection domain of " + owner + " is closed", null);
    }
    if (access.contains(RemoteAccess.FLUSH)) {
      throw new RdmaException(
          RdmaException.Reason.REGISTRATION, "the iwarp provider has no RDMA FLUSH", null);
    }
    boolean write = access.contains(RemoteAccess.WRITE);
    check(memory, write);
    long base = baseFor(memory.byteSize());
    boolean read = access.contains(RemoteAccess.READ);
    IwarpRegion region = table.add(key -> new IwarpRegion(key, base, memory, this, read, write));
    if (region == null) {
      throw new RdmaException(
          RdmaException.Reason.LIMIT,
          "registering %d octets for %s: the provider's bound on regions (maxRegions) is reached"
              .formatted(memory.byteSize(), owner),
          null);
    }
    statistics.add(IwarpStatistics.Counter.LIVE_REGIONS, 1);
    statistics.add(IwarpStatistics.Counter.REGISTERED_BYTES, region.length());
    regions.add(region);
    if (region.isFinished()) {
      // A peer guessed the key and invalidated it before we got here.
      regions.remove(region);
    }
    if (closed) {
      // Closed in between: close() may have passed by before the region was in the set.
      var _ = region.invalidate();
      throw new RdmaException(
          RdmaException.Reason.CLOSED, "the protection domain of " + owner + " is closed", null);
    }
    return region;
  }

  private void check(MemorySegment memory, boolean write) throws RdmaException {
    String trouble = null;
    if (!memory.isNative()) {
      trouble = "it is on the Java heap; use a native or mapped segment";
    } else if (memory.isReadOnly() && write) {
      trouble = "remote writing was asked for, but the segment is read only";
    } else if (!memory.isAccessibleBy(provider.anotherThread())) {
      trouble = "it belongs to one thread; use a shared, automatic or global arena";
    }
    if (trouble != null) {
      throw new RdmaException(
          RdmaException.Reason.REGISTRATION,
          "cannot register %d octets for %s: %s".formatted(memory.byteSize(), owner, trouble),
          null);
    }
  }

  /**
   * A random page-aligned base, so that a client that ignores the address it was given fails at
   * once instead of working by luck. Never wraps.
   */
  private long baseFor(long length) {
    long base = ((table.randomBits() & 0x7FFF_FFFFL) + 1) << 12;
    return base + length < 0 ? 0 : base;
  }

  @Override
  public int liveRegions() {
    return regions.size();
  }

  @Override
  public void close() {
    closed = true;
    for (Member member : members) {
      member.abort("the protection domain of " + owner + " was closed");
    }
    for (IwarpRegion region : regions) {
      var _ = region.invalidate();
    }
    provider.forget(this);
  }

  boolean isClosed() {
    return closed;
  }

  String owner() {
    return owner;
  }

  /** Takes a queue pair in; false when the domain is closed. */
  boolean join(Member member) {
    members.add(member);
    if (closed) {
      members.remove(member);
      return false;
    }
    return true;
  }

  void leave(Member member) {
    members.remove(member);
  }

  void abortAccesses(IwarpRegion region) {
    for (Member member : members) {
      member.abortIfHolding(region);
    }
  }

  /** Called once, when the last access to a dead region is over. */
  void retired(IwarpRegion region) {
    regions.remove(region);
    table.retire(region);
    statistics.add(IwarpStatistics.Counter.LIVE_REGIONS, -1);
    statistics.add(IwarpStatistics.Counter.REGISTERED_BYTES, -region.length());
  }

  @Override
  public String toString() {
    return "protection domain of " + owner;
  }
}
