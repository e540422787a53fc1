package io.selkie.layout.block;

import static io.selkie.protocol.layout.block.BlockExtentState4.PNFS_BLOCK_READ_WRITE_DATA;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.layout.LayoutHandle;
import io.selkie.lease.BlockVolume;
import io.selkie.lease.ByteRange;
import io.selkie.lease.PageCache;
import io.selkie.lease.ScsiDesignator;
import io.selkie.lease.ScsiUnit;
import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import io.selkie.lease.StorageCommit;
import io.selkie.protocol.layout.block.BlockExtent4;
import io.selkie.protocol.layout.block.ScsiDeviceAddr4;
import io.selkie.protocol.layout.block.ScsiLayoutUpdate4;
import io.selkie.protocol.layout.block.Volume4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.random.RandomGenerator;

/**
 * LAYOUT4_SCSI (RFC 8154): as the block layout, on a disk that refuses whom it is told to refuse.
 *
 * <p>Each client has a device id of its own for each disk, and behind it a reservation key of its
 * own: after a fence both are over, and with the new ones the client has to ask again.
 *
 * <p>Such a disk is no memory, so the page cache stands between it and the server. Before a grant
 * it is written back, and before one for writing dropped; after a commit, and when a layout for
 * writing ends, it is dropped again. In between the server reads nothing (READ_STORED).
 */
public final class ScsiLayoutType extends StorageLayoutType {

  private static final int DEVICE_BYTES_MAX = 512;

  private final Map<Long, ScsiUnit> units = new LinkedHashMap<>();
  private final PageCache cache;
  private final ScsiKeys keys;
  private final ScsiHandle.Means means;
  private final long boot;

  /**
   * A disk that is reserved.
   *
   * @param volume the file system on it, from its first byte
   * @param fencing runs its fences, which nothing else of this disk keeps up
   * @param dropping runs what else waits for it
   */
  public record Disk(BlockVolume volume, ScsiUnit unit, Executor fencing, Executor dropping) {}

  /**
   * Over some disks.
   *
   * @param ioNanos the longest I/O of a client
   * @param expiryNanos a lease and that: when it must have stopped where the disk does not answer
   * @param keyNumbers keys for clients, none of them twice; 0 when there are no more
   * @param random makes this boot's device ids unlike those of any other
   * @param trouble hears of fences that a disk did not carry out
   */
  public ScsiLayoutType(
      List<Disk> disks,
      StorageCommit commits,
      PageCache cache,
      NanoClock clock,
      Timers timers,
      long ioNanos,
      long expiryNanos,
      LongSupplier keyNumbers,
      RandomGenerator random,
      FenceTrouble trouble) {
    super(disks.stream().map(Disk::volume).toList(), commits);
    if (ioNanos <= 0 || expiryNanos < ioNanos) {
      throw new IllegalArgumentException("expiry after " + ioNanos + ", " + expiryNanos + " ns");
    }
    disks.forEach(disk -> units.put(disk.volume().device(), disk.unit()));
    this.cache = cache;
    Map<ScsiUnit, Executor> fencing = new HashMap<>();
    Map<ScsiUnit, Executor> dropping = new HashMap<>();
    for (Disk disk : disks) {
      fencing.put(disk.unit(), disk.fencing());
      dropping.put(disk.unit(), disk.dropping());
    }
    this.keys =
        new ScsiKeys(
            keyNumbers,
            new ScsiKey.Means(clock, timers, fencing::get, ioNanos, expiryNanos, trouble));
    this.means = new ScsiHandle.Means(new CacheDrops(cache, timers, dropping::get), keys);
    this.boot = random.nextLong();
  }

  @Override
  public int number() {
    return LayoutConst4.LAYOUT4_SCSI;
  }

  @Override
  public Optional<ByteBuffer> deviceAddress(
      DeviceId4 deviceId, long clientId, String arrivedAtHost) {
    return deviceId.high() != boot
        ? Optional.empty()
        : keys.tell(clientId, deviceId.low()).map(ScsiLayoutType::address);
  }

  private static ByteBuffer address(ScsiKey key) {
    ScsiDesignator name = key.unit().designator();
    ByteBuffer body = ByteBuffer.allocate(DEVICE_BYTES_MAX);
    var unit = new Volume4.Base(name.codeSet(), name.type(), name.name(), key.number());
    new ScsiDeviceAddr4(List.of(unit)).encode(new XdrWriter(body));
    return body.flip();
  }

  @Override
  List<BlockExtent4> decodeUpdate(XdrReader in) {
    return ScsiLayoutUpdate4.decode(in).commitList().stream()
        .map(range ->
            new BlockExtent4(
                new DeviceId4(0, 0),
                range.fileOffset(),
                range.length(),
                0,
                PNFS_BLOCK_READ_WRITE_DATA))
        .toList();
  }

  /** What there is much of is written while the file is everybody's; what fails, fails again. */
  @Override
  public void settleSoon(SealTarget target) {
    var _ = cache.writeBack(target);
  }

  @Override
  public Optional<String> settle(Seal seal, ByteRange range, int ioMode) {
    int result =
        ioMode == LayoutConst4.LAYOUTIOMODE4_RW
            ? cache.drop(seal.target(), range)
            : cache.writeBack(seal.target());
    return result >= 0
        ? Optional.empty()
        : Optional.of(
            "the page cache of %s cannot be emptied into the disk: %s"
                .formatted(seal.target().describe(), PageCache.describe(result)));
  }

  @Override
  public LayoutHandle open(long clientId, Seal seal, PlannedPart part, int ioMode)
      throws LayoutTypeException {
    ScsiUnit unit = units.get(part.blocks().device());
    ScsiKey key =
        keys.of(clientId, unit)
            .orElseThrow(() ->
                new LayoutTypeException(
                    "client %x was fenced at %s and may not know it yet, or all keys are used up"
                        .formatted(clientId, unit.describe()),
                    null));
    if (isGone(clientId)) {
      // Between the arbiter's look and this; nobody else will take the key away.
      keys.clientGone(clientId);
      throw new LayoutTypeException("client %x is gone".formatted(clientId), null);
    }
    return new ScsiHandle(
        new DeviceId4(boot, key.number()),
        part.range(),
        stateOf(part, ioMode),
        key,
        seal,
        means,
        describe(clientId, seal));
  }

  /** What of it is in the page cache is of before, or is what the client has gone past since. */
  @Override
  public int commit(
      Seal seal, ByteBuffer body, List<ByteRange> held, long endBytes, BooleanSupplier cancelled) {
    int result = dropAll(seal, held);
    if (result >= 0) {
      result = super.commit(seal, body, held, endBytes, cancelled);
    }
    // What stays of it is looked for again before the next commit, and when the layout ends.
    var _ = dropAll(seal, held);
    return result;
  }

  private int dropAll(Seal seal, List<ByteRange> held) {
    int result = cache.writeBack(seal.target());
    for (ByteRange range : held) {
      if (result < 0) {
        return result;
      }
      result = cache.forget(seal.target(), range);
    }
    return result;
  }

  @Override
  public void clientGone(long clientId) {
    super.clientGone(clientId);
    keys.clientGone(clientId);
  }
}
