package io.selkie.layout;

import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.RdmaCapabilities;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaListener;
import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.RemoteAccess;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** Protection domains whose regions die at once, or when a test says so. */
final class FakeRdma implements RdmaProvider {

  final List<Region> regions = new ArrayList<>();
  private int lastKey;

  /** Whether accesses are in flight, so that an invalidation has to be ended by hand. */
  boolean slowPeers;

  /** What goes by while a thread waits for the accesses itself; null where none does. */
  Runnable waiting;

  /** Whether invalidations end with an error. */
  boolean invalidationFails;

  /** Whether they do not once accesses were broken off. */
  boolean abortHelps;

  /** Registrations until one fails; negative for never. */
  int failAfter = -1;

  List<Region> live() {
    return regions.stream().filter(region -> !region.dead.isDone()).toList();
  }

  List<Region> invalidating() {
    return regions.stream().filter(r -> !r.valid && !r.dead.isDone()).toList();
  }

  /** A region. */
  final class Region implements MemoryRegion {
    final int key = ++lastKey;
    final Domain domain;
    final long length;
    final Set<RemoteAccess> access;
    final CompletableFuture<Void> dead = new CompletableFuture<>();
    boolean valid = true;
    boolean aborted;

    Region(Domain domain, long length, Set<RemoteAccess> access) {
      this.domain = domain;
      this.length = length;
      this.access = access;
    }

    @Override
    public int key() {
      return key;
    }

    @Override
    public long remoteAddress() {
      return 0x1000L * key;
    }

    @Override
    public long length() {
      return length;
    }

    @Override
    public boolean isValid() {
      return valid;
    }

    @Override
    public CompletionStage<Void> invalidate() {
      valid = false;
      if (invalidationFails && !(aborted && abortHelps)) {
        return CompletableFuture.failedFuture(new IllegalStateException("on purpose"));
      }
      if (!slowPeers) {
        dead.complete(null);
      }
      return dead;
    }

    @Override
    public CompletionStage<Void> invalidateHere() {
      if (waiting == null) {
        return invalidate();
      }
      valid = false;
      waiting.run();
      return dead;
    }

    @Override
    public void abortAccesses() {
      aborted = true;
      if (!valid && !invalidationFails) {
        dead.complete(null);
      }
    }
  }

  /** A domain. */
  final class Domain implements ProtectionDomain {
    boolean closed;

    @Override
    public MemoryRegion register(MemorySegment memory, Set<RemoteAccess> access)
        throws RdmaException {
      if (failAfter == 0) {
        throw new RdmaException(RdmaException.Reason.REGISTRATION, "no room on the device", null);
      }
      failAfter--;
      Region region = new Region(this, memory.byteSize(), access);
      regions.add(region);
      return region;
    }

    @Override
    public int liveRegions() {
      return (int) live().stream().filter(region -> region.domain == this).count();
    }

    @Override
    public void close() {
      closed = true;
      for (Region region : regions) {
        if (region.domain == this) {
          region.valid = false;
          region.dead.complete(null);
        }
      }
    }
  }

  @Override
  public String name() {
    return "fake";
  }

  @Override
  public RdmaCapabilities capabilities() {
    return new RdmaCapabilities(Long.MAX_VALUE, 512, false, false, true, true);
  }

  @Override
  public ProtectionDomain allocateProtectionDomain(String owner) {
    return new Domain();
  }

  @Override
  public RdmaListener listen(InetSocketAddress address, ConnectionAcceptor acceptor) {
    throw new UnsupportedOperationException();
  }

  @Override
  public QueuePair connect(
      InetSocketAddress peer,
      ProtectionDomain domain,
      ConnectOptions options,
      QueuePairListener listener) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
