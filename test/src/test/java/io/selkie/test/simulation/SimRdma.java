package io.selkie.test.simulation;

import static io.selkie.test.simulation.SimWorld.MICRO;

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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** Registered memory whose accesses take time and land piece by piece, some of them never. */
final class SimRdma implements RdmaProvider {
  private final SimWorld world;
  private final SimKernel kernel;
  private final Checker checker;

  /** For a mutant: says that an invalidation is complete while accesses are in flight. */
  private final boolean completesTooEarly;

  private final Map<Integer, Region> regions = new LinkedHashMap<>();
  private int lastKey;

  SimRdma(SimWorld world, SimKernel kernel, Checker checker, boolean completesTooEarly) {
    this.world = world;
    this.kernel = kernel;
    this.checker = checker;
    this.completesTooEarly = completesTooEarly;
  }

  /** An access in flight. */
  static final class Access {
    final Region region;
    final boolean write;
    int piecesLeft;
    boolean over;

    Access(Region region, boolean write, int piecesLeft) {
      this.region = region;
      this.write = write;
      this.piecesLeft = piecesLeft;
    }
  }

  int liveRegions() {
    return regions.size();
  }

  /**
   * A client uses a key on its own queue pair.
   *
   * @return false for a remote access error
   */
  boolean access(long clientId, int key, boolean write, int stuckPercent) {
    Region region = regions.get(key);
    if (region == null || !region.valid || region.domain.clientId() != clientId) {
      return false;
    }
    if (write && !region.access.contains(RemoteAccess.WRITE)) {
      return false;
    }
    Access access = new Access(region, write, 1 + world.random.nextInt(3));
    region.inFlight.add(access);
    checker.lands(region, write);
    if (!world.chance(stuckPercent)) {
      world.soon(MICRO, 300 * MICRO, () -> goOn(access));
    }
    return true;
  }

  private void goOn(Access access) {
    if (access.over) {
      return;
    }
    checker.lands(access.region, access.write);
    access.piecesLeft--;
    if (access.piecesLeft > 0) {
      world.soon(MICRO, 300 * MICRO, () -> goOn(access));
    } else {
      end(access);
    }
  }

  private static void end(Access access) {
    if (!access.over) {
      access.over = true;
      access.region.inFlight.remove(access);
      access.region.completeIfOver();
    }
  }

  /** A region: what the checker knows of it was true when it was registered. */
  final class Region implements MemoryRegion {
    final int key = ++lastKey;
    final Domain domain;
    final SimInode inode;
    final long address;
    final long offset;
    final long length;
    final Set<RemoteAccess> access;
    final long[] places;
    final CompletableFuture<Void> dead = new CompletableFuture<>();
    final List<Access> inFlight = new ArrayList<>();
    boolean valid = true;
    boolean saidDead;

    Region(Domain domain, MemorySegment memory, Set<RemoteAccess> access) {
      this.domain = domain;
      this.address = memory.address();
      this.inode = kernel.inodeAt(address);
      this.offset = SimKernel.offsetAt(address);
      this.length = memory.byteSize();
      this.access = access;
      this.places = inode.places(offset, length);
    }

    boolean isWritable() {
      return access.contains(RemoteAccess.WRITE);
    }

    boolean overlaps(int fromBlock, int toBlock) {
      return offset < (long) toBlock * SimInode.BLOCK
          && (long) fromBlock * SimInode.BLOCK < offset + length;
    }

    @Override
    public int key() {
      return key;
    }

    @Override
    public long remoteAddress() {
      return offset;
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
      world.interleave();
      valid = false;
      completeIfOver();
      return dead;
    }

    private void completeIfOver() {
      if (!valid && !saidDead && (inFlight.isEmpty() || completesTooEarly)) {
        saidDead = true;
        regions.remove(key);
        checker.died(this);
        dead.complete(null);
      }
    }

    @Override
    public void abortAccesses() {
      for (Access one : List.copyOf(inFlight)) {
        world.soon(MICRO, 20 * MICRO, () -> end(one));
      }
    }

    @Override
    public String toString() {
      return "key " + key + " of " + domain.owner + " on " + inode + " " + offset + "+" + length;
    }
  }

  /** A domain, known by the client it was allocated for. */
  final class Domain implements ProtectionDomain {
    final String owner;

    Domain(String owner) {
      this.owner = owner;
    }

    long clientId() {
      return Long.parseLong(owner.substring(owner.lastIndexOf(' ') + 1), 16);
    }

    @Override
    public MemoryRegion register(MemorySegment memory, Set<RemoteAccess> access)
        throws RdmaException {
      world.interleave();
      if (world.random.nextInt(500) == 0) {
        throw new RdmaException(
            RdmaException.Reason.REGISTRATION, "the device is out of keys, for once", null);
      }
      Region region = new Region(this, memory, access);
      regions.put(region.key, region);
      checker.registered(region);
      return region;
    }

    @Override
    public int liveRegions() {
      return (int) regions.values().stream().filter(region -> region.domain == this).count();
    }

    @Override
    public void close() {
      for (Region region : List.copyOf(regions.values())) {
        if (region.domain == this) {
          region.valid = false;
          List.copyOf(region.inFlight).forEach(SimRdma::end);
          region.completeIfOver();
        }
      }
    }
  }

  @Override
  public String name() {
    return "simulated";
  }

  @Override
  public RdmaCapabilities capabilities() {
    return new RdmaCapabilities(Long.MAX_VALUE, 512, false, false, true, true);
  }

  @Override
  public ProtectionDomain allocateProtectionDomain(String owner) {
    return new Domain(owner);
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
