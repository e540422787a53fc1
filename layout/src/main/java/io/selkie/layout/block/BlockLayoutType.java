package io.selkie.layout.block;

import io.selkie.config.time.Timers;
import io.selkie.layout.LayoutHandle;
import io.selkie.layout.LayoutHandle.OnWrite;
import io.selkie.lease.BlockVolume;
import io.selkie.lease.Seal;
import io.selkie.lease.StorageCommit;
import io.selkie.protocol.layout.block.BlockDeviceAddr4;
import io.selkie.protocol.layout.block.BlockExtent4;
import io.selkie.protocol.layout.block.BlockLayoutUpdate4;
import io.selkie.protocol.layout.block.Volume4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * LAYOUT4_BLOCK_VOLUME: each part is a run of blocks on the device of the file system. Only files
 * whose mapping is the storage (DAX) have block layouts: with them no page cache stands between.
 */
public final class BlockLayoutType extends StorageLayoutType {

  private static final int DEVICE_BYTES_MAX = 1024;

  private final Map<Long, DeviceId4> idsByDevice = new LinkedHashMap<>();
  private final Map<DeviceId4, BlockVolume> volumes = new LinkedHashMap<>();
  private final Timers timers;
  private final long expiryNanos;

  /**
   * Over some devices.
   *
   * @param timers tell when a client that does not answer must have stopped
   * @param expiryNanos a lease and the longest I/O of a client
   * @param random makes this boot's device ids unlike those of any other
   */
  public BlockLayoutType(
      List<BlockVolume> volumes,
      StorageCommit commits,
      Timers timers,
      long expiryNanos,
      RandomGenerator random) {
    super(volumes, commits);
    if (expiryNanos <= 0) {
      throw new IllegalArgumentException("expiry after " + expiryNanos + " ns");
    }
    long boot = random.nextLong();
    for (BlockVolume volume : volumes) {
      DeviceId4 id = new DeviceId4(boot, idsByDevice.size() + 1L);
      idsByDevice.put(volume.device(), id);
      this.volumes.put(id, volume);
    }
    this.timers = timers;
    this.expiryNanos = expiryNanos;
  }

  @Override
  public int number() {
    return LayoutConst4.LAYOUT4_BLOCK_VOLUME;
  }

  @Override
  public Optional<ByteBuffer> deviceAddress(
      DeviceId4 deviceId, long clientId, String arrivedAtHost) {
    return Optional.ofNullable(volumes.get(deviceId))
        .map(volume -> {
          ByteBuffer body = ByteBuffer.allocate(DEVICE_BYTES_MAX);
          var signature = new Volume4.Signature(volume.signatureOffset(), volume.signature());
          new BlockDeviceAddr4(List.of(new Volume4.Simple(List.of(signature))))
              .encode(new XdrWriter(body));
          return body.flip();
        });
  }

  @Override
  List<BlockExtent4> decodeUpdate(XdrReader in) {
    return BlockLayoutUpdate4.decode(in).commitList();
  }

  @Override
  public LayoutHandle open(long clientId, Seal seal, PlannedPart part, int ioMode) {
    OnWrite onWrite =
        switch (stateOf(part, ioMode)) {
          case PNFS_BLOCK_READ_WRITE_DATA -> OnWrite.EXCLUDES_OTHERS;
          case PNFS_BLOCK_INVALID_DATA, PNFS_BLOCK_NONE_DATA -> OnWrite.CHANGES;
          // Shared blocks, which a write would move, are known to the arbiter by their map.
          case PNFS_BLOCK_READ_DATA -> OnWrite.NOTHING;
        };
    if (ioMode == LayoutConst4.LAYOUTIOMODE4_RW) {
      // Before the client hears of it; who keeps it says when it is not kept (S5).
      var _ = seal.keep();
    }
    return new BlockHandle(
        idsByDevice.get(part.blocks().device()),
        part.range(),
        onWrite,
        timers,
        expiryNanos,
        () -> describe(clientId, seal));
  }
}
