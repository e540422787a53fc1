package io.selkie.layout.rdma;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADXDR;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_INVAL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;

import io.selkie.layout.LayoutHandle;
import io.selkie.layout.LayoutType;
import io.selkie.lease.BlockMap;
import io.selkie.lease.ByteRange;
import io.selkie.lease.Seal;
import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.protocol.layout.rdma.RdmaExtentState4;
import io.selkie.protocol.layout.rdma.RdmaLayout4;
import io.selkie.protocol.layout.rdma.RdmaLayoutUpdate4;
import io.selkie.protocol.layout.rdma.RdmaRange4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RemoteAccess;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * LAYOUT4_RDMA: each part is registered memory of the seal's mapping, and {@code re_storage_offset}
 * is its RDMA address. Read-write layouts are prepared so that only READ_WRITE_DATA appears;
 * INVALID_DATA is never granted.
 */
public final class RdmaLayoutType implements LayoutType {

  private static final Set<RemoteAccess> READ = Set.of(RemoteAccess.READ);
  private static final Set<RemoteAccess> READ_WRITE = Set.of(RemoteAccess.READ, RemoteAccess.WRITE);
  private static final Set<RemoteAccess> READ_WRITE_FLUSH =
      Set.of(RemoteAccess.READ, RemoteAccess.WRITE, RemoteAccess.FLUSH);
  private static final int COMMIT_RANGES_MAX = 4096;
  private static final long REGION_ALIGNMENT_BYTES = 1 << 21;

  private final RdmaRouting routing;
  private final RdmaDevices devices;
  private final long regionBytesMax;
  private final int blockBytes;

  /**
   * With one provider, which reaches all memory there is.
   *
   * @param domains protection domains, shared with the acceptor of connections
   * @param devices the listeners; the first is named by all layouts
   * @param regionBytesMax {@code RdmaCapabilities.maxRegionBytes}: longer parts are split
   * @param blockBytes layout_blksize: what commit lists must be aligned to
   */
  public RdmaLayoutType(
      RdmaDomains domains, RdmaDevices devices, long regionBytesMax, int blockBytes) {
    this(RdmaRouting.toFirst(domains, devices), devices, regionBytesMax, blockBytes);
  }

  /**
   * With several.
   *
   * @param routing who reaches what
   * @param devices the listeners
   * @param regionBytesMax the least of all providers: longer parts are split
   * @param blockBytes layout_blksize: what commit lists must be aligned to
   */
  public RdmaLayoutType(
      RdmaRouting routing, RdmaDevices devices, long regionBytesMax, int blockBytes) {
    if (regionBytesMax <= 0 || blockBytes <= 0) {
      throw new IllegalArgumentException("region " + regionBytesMax + ", block " + blockBytes);
    }
    this.routing = routing;
    this.devices = devices;
    this.regionBytesMax =
        regionBytesMax > REGION_ALIGNMENT_BYTES
            ? regionBytesMax - regionBytesMax % REGION_ALIGNMENT_BYTES
            : regionBytesMax;
    this.blockBytes = blockBytes;
  }

  @Override
  public int number() {
    return LayoutConst4.LAYOUT4_RDMA;
  }

  @Override
  public Optional<ByteBuffer> deviceAddress(
      DeviceId4 deviceId, long clientId, String arrivedAtHost) {
    return devices
        .find(deviceId)
        .map(device -> {
          ByteBuffer body = ByteBuffer.allocate(512);
          RdmaDevices.addressOf(device, arrivedAtHost).encode(new XdrWriter(body));
          return body.flip();
        });
  }

  @Override
  public List<PlannedPart> plan(BlockMap map, boolean exact, int ioMode, int partsMax) {
    return new RdmaPlan(map, exact, ioMode == LayoutConst4.LAYOUTIOMODE4_RW, regionBytesMax)
        .parts(partsMax);
  }

  @Override
  public int bodyBytes(int parts) {
    return RdmaLayout4.encodedBytes(parts);
  }

  @Override
  public LayoutHandle open(long clientId, Seal seal, PlannedPart part, int ioMode)
      throws LayoutTypeException {
    MemorySegment memory = seal.mapping().asSlice(part.range().offset(), part.range().length());
    boolean write = ioMode == LayoutConst4.LAYOUTIOMODE4_RW;
    RdmaRouting.Ways ways = routing.ways(clientId, seal, write, memory.byteSize());
    LayoutTypeException first = null;
    for (RdmaRouting.Way way : ways.usable()) {
      Optional<RdmaRouting.Claim> claim = routing.claim(clientId, way, memory.byteSize());
      if (claim.isEmpty()) {
        continue;
      }
      boolean done = false;
      try {
        MemoryRegion region =
            domain(way, clientId)
                .register(
                    memory, write ? way.flush() ? READ_WRITE_FLUSH : READ_WRITE : READ, way.how());
        done = true;
        claim.get().registered();
        return new Handle(region, claim.get(), way);
      } catch (RdmaException | IllegalStateException e) {
        // The next way is another device; who reads the log learns of both.
        routing.refused(clientId, way, e.getMessage());
        if (first == null) {
          first =
              new LayoutTypeException(
                  "registering %s of %s failed: %s"
                      .formatted(part.range(), seal.target().describe(), e.getMessage()),
                  e);
        }
      } finally {
        if (!done) {
          claim.get().end();
        }
      }
    }
    throw first != null
        ? first
        : new LayoutTypeException(
            "no provider reaches %s: %s".formatted(seal.target().describe(), ways.reason()), null);
  }

  private static ProtectionDomain domain(RdmaRouting.Way way, long clientId)
      throws LayoutTypeException {
    return way.route()
        .domains()
        .domainFor(clientId)
        .orElseThrow(() -> new LayoutTypeException("the client is gone", null));
  }

  /** A region, seen as a handle. */
  private static final class Handle implements LayoutHandle {
    private final MemoryRegion region;
    private final DeviceId4 device;
    private final RdmaRouting.Claim claim;
    private final AtomicBoolean isReleased = new AtomicBoolean();

    Handle(MemoryRegion region, RdmaRouting.Claim claim, RdmaRouting.Way way) {
      this.region = region;
      this.device = way.device().id();
      this.claim = claim;
    }

    @Override
    public CompletionStage<Void> invalidate() {
      // Asked for again when it failed.
      return region.invalidate().thenRun(this::release);
    }

    @Override
    public CompletionStage<Void> invalidateHere() {
      return region.invalidateHere().thenRun(this::release);
    }

    private void release() {
      if (isReleased.compareAndSet(false, true)) {
        claim.end();
      }
    }

    @Override
    public void abort() {
      region.abortAccesses();
    }

    @Override
    public void givenBack() {
      claim.givenBack();
    }
  }

  @Override
  public ByteBuffer encode(List<PlannedPart> parts, List<LayoutHandle> handles, int ioMode) {
    // A hole has no place, so its device means nothing; a client that looks it up finds one.
    DeviceId4 any =
        devices
            .primary()
            .map(RdmaDevices.Device::id)
            .orElseThrow(() -> new IllegalStateException("no RDMA listener was announced"));
    RdmaExtentState4 data =
        ioMode == LayoutConst4.LAYOUTIOMODE4_RW
            ? RdmaExtentState4.PNFS_RDMA_READ_WRITE_DATA
            : RdmaExtentState4.PNFS_RDMA_READ_DATA;
    List<RdmaExtent4> extents = new ArrayList<>(parts.size());
    for (int i = 0; i < parts.size(); i++) {
      ByteRange range = parts.get(i).range();
      extents.add(
          handles.get(i) instanceof Handle handle
              ? new RdmaExtent4(
                  handle.device,
                  range.offset(),
                  handle.region.key(),
                  range.length(),
                  handle.region.remoteAddress(),
                  data)
              : new RdmaExtent4(
                  any, range.offset(), 0, range.length(), 0, RdmaExtentState4.PNFS_RDMA_NONE_DATA));
    }
    ByteBuffer body = ByteBuffer.allocate(bodyBytes(extents.size()));
    new RdmaLayout4(extents).encode(new XdrWriter(body));
    return body.flip();
  }

  /**
   * The commit list names what was INVALID_DATA and is written now. We grant none, so it is empty;
   * a client that lists what it wrote all the same is not refused if its list is well made.
   */
  @Override
  public int checkUpdate(ByteBuffer body, List<ByteRange> held) {
    if (!body.hasRemaining()) {
      return NFS4_OK;
    }
    List<RdmaRange4> ranges;
    try {
      XdrReader in = new XdrReader(body.slice());
      ranges = RdmaLayoutUpdate4.decode(in).commitList();
      if (in.remaining() > 0) {
        return NFS4ERR_BADXDR;
      }
    } catch (XdrException _) {
      return NFS4ERR_BADXDR;
    }
    if (ranges.size() > COMMIT_RANGES_MAX) {
      return NFS4ERR_INVAL;
    }
    long before = 0;
    for (RdmaRange4 range : ranges) {
      boolean sound =
          range.fileOffset() >= before
              && range.length() > 0
              && range.fileOffset() % blockBytes == 0
              && range.fileOffset() <= Long.MAX_VALUE - range.length();
      if (!sound || !isHeld(range, held)) {
        return NFS4ERR_INVAL;
      }
      before = range.fileOffset() + range.length();
    }
    return NFS4_OK;
  }

  private boolean isHeld(RdmaRange4 wire, List<ByteRange> held) {
    ByteRange range = new ByteRange(wire.fileOffset(), wire.length());
    for (ByteRange one : held) {
      if (one.contains(range)) {
        // Only what ends where the layout ends, at the end of file, may end within a block.
        return range.length() % blockBytes == 0 || range.end() == one.end();
      }
    }
    return false;
  }

  @Override
  public int checkReturn(ByteBuffer body) {
    return body.hasRemaining() ? NFS4ERR_INVAL : NFS4_OK;
  }

  @Override
  public boolean isGone(long clientId) {
    return routing.routes().stream().anyMatch(route -> route.domains().isGone(clientId));
  }

  @Override
  public void clientGone(long clientId) {
    routing.routes().forEach(route -> route.domains().close(clientId));
    routing.clientGone(clientId);
  }
}
