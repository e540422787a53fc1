package io.selkie.layout.block;

import static io.selkie.protocol.layout.block.BlockExtentState4.PNFS_BLOCK_INVALID_DATA;
import static io.selkie.protocol.layout.block.BlockExtentState4.PNFS_BLOCK_NONE_DATA;
import static io.selkie.protocol.layout.block.BlockExtentState4.PNFS_BLOCK_READ_DATA;
import static io.selkie.protocol.layout.block.BlockExtentState4.PNFS_BLOCK_READ_WRITE_DATA;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADXDR;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_INVAL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;

import io.selkie.layout.LayoutHandle;
import io.selkie.layout.LayoutPolicy;
import io.selkie.layout.LayoutType;
import io.selkie.lease.BlockMap;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.BlockVolume;
import io.selkie.lease.ByteRange;
import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import io.selkie.lease.StorageCommit;
import io.selkie.protocol.layout.block.BlockExtent4;
import io.selkie.protocol.layout.block.BlockExtentState4;
import io.selkie.protocol.layout.block.BlockLayout4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * What layout types have in common that name places on the device of the file system: each part is
 * some runs of blocks.
 *
 * <p>Inside the file, ranges for writing are prepared before the grant as for any other type, so
 * they are READ_WRITE_DATA. Past its end there is nothing that could be written yet: blocks are
 * allocated there, INVALID_DATA, and LAYOUTCOMMIT makes of them what the client wrote.
 */
abstract class StorageLayoutType implements LayoutType {

  private static final int GONE_MAX = 4096;
  private static final int EINVAL = 22;

  private final Map<Long, BlockVolume> volumes = new LinkedHashMap<>();
  private final StorageCommit commits;

  /** The last clients that went; guarded by itself. */
  private final Map<Long, Boolean> gone =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, Boolean> eldest) {
          return size() > GONE_MAX;
        }
      };

  StorageLayoutType(List<BlockVolume> volumes, StorageCommit commits) {
    volumes.forEach(volume -> this.volumes.put(volume.device(), volume));
    this.commits = commits;
  }

  /** A handle that stands for some extents. */
  interface ExtentHandle extends LayoutHandle {
    /** Where the client is told that they are. */
    DeviceId4 volumeId();
  }

  /** The list of a lou_body: what was written. */
  abstract List<BlockExtent4> decodeUpdate(XdrReader in);

  @Override
  public int blockBytes() {
    return BlockVolume.BLOCK_BYTES;
  }

  @Override
  public Seal.Names names() {
    return Seal.Names.STORAGE;
  }

  @Override
  public Optional<String> unsuitable(SealTarget target, boolean exact) {
    if (!volumes.containsKey(target.identity().device())) {
      return Optional.of(target.describe() + " is on a device that clients are not told of");
    }
    return exact
        ? Optional.empty()
        : Optional.of(
            target.describe()
                + " is not in DAX state: the page cache stands between it and the device");
  }

  @Override
  public List<PlannedPart> plan(BlockMap map, boolean exact, int ioMode, int extentsMax) {
    return exact
        ? BlockPlan.parts(map, ioMode == LayoutConst4.LAYOUTIOMODE4_RW, extentsMax)
        : List.of();
  }

  @Override
  public int extents(List<PlannedPart> plan) {
    int extents = 0;
    for (PlannedPart part : plan) {
      extents += Math.max(1, part.blocks().extents().size());
    }
    return extents;
  }

  @Override
  public int extentsMax() {
    return LayoutPolicy.EXTENTS_MAX;
  }

  @Override
  public int bodyBytes(int extents) {
    return BlockLayout4.encodedBytes(extents);
  }

  /** What a client is told that all of a part is. */
  static BlockExtentState4 stateOf(PlannedPart part, int ioMode) {
    boolean readWrite = ioMode == LayoutConst4.LAYOUTIOMODE4_RW;
    List<Extent> extents = part.blocks().extents();
    boolean unwritten = !extents.isEmpty() && extents.getFirst().unwritten();
    if (extents.isEmpty() || (unwritten && !readWrite)) {
      return PNFS_BLOCK_NONE_DATA;
    }
    if (!readWrite) {
      return PNFS_BLOCK_READ_DATA;
    }
    return unwritten ? PNFS_BLOCK_INVALID_DATA : PNFS_BLOCK_READ_WRITE_DATA;
  }

  /** For people. */
  static String describe(long clientId, Seal seal) {
    return "client " + Long.toHexString(clientId) + ", " + seal.target().describe();
  }

  @Override
  public ByteBuffer encode(List<PlannedPart> parts, List<LayoutHandle> handles, int ioMode) {
    int extents = extents(parts);
    ByteBuffer body = ByteBuffer.allocate(bodyBytes(extents));
    XdrWriter out = new XdrWriter(body);
    BlockLayout4.encodeCount(out, extents);
    for (int i = 0; i < parts.size(); i++) {
      if (!(handles.get(i) instanceof ExtentHandle block)) {
        throw new IllegalArgumentException("a handle of another layout type: " + handles.get(i));
      }
      encode(out, parts.get(i), block.volumeId(), stateOf(parts.get(i), ioMode));
    }
    return body.flip();
  }

  private static void encode(
      XdrWriter out, PlannedPart part, DeviceId4 volumeId, BlockExtentState4 state) {
    ByteRange range = part.range();
    if (part.blocks().extents().isEmpty()) {
      BlockExtent4.encode(out, volumeId, range.offset(), range.length(), 0, state);
    }
    for (Extent extent : part.blocks().extents()) {
      long place = state == PNFS_BLOCK_NONE_DATA ? 0 : extent.physical();
      BlockExtent4.encode(out, volumeId, extent.logical(), extent.length(), place, state);
    }
  }

  /**
   * RFC 5663 section 2.3.2, RFC 8154 section 2.4.2: sorted, disjoint, whole blocks, and what the
   * client may write.
   */
  @Override
  public int checkUpdate(ByteBuffer body, List<ByteRange> held) {
    List<BlockExtent4> list;
    try {
      list = decode(body);
    } catch (XdrException _) {
      return NFS4ERR_BADXDR;
    }
    long before = 0;
    for (BlockExtent4 extent : list) {
      boolean sound =
          extent.fileOffset() >= before
              && extent.length() > 0
              && (extent.fileOffset() | extent.length()) % blockBytes() == 0
              && extent.fileOffset() <= Long.MAX_VALUE - extent.length()
              && extent.state() == PNFS_BLOCK_READ_WRITE_DATA;
      if (!sound) {
        return NFS4ERR_INVAL;
      }
      ByteRange range = new ByteRange(extent.fileOffset(), extent.length());
      if (held.stream().noneMatch(one -> one.contains(range))) {
        return NFS4ERR_INVAL;
      }
      before = range.end();
    }
    return NFS4_OK;
  }

  private List<BlockExtent4> decode(ByteBuffer body) {
    if (!body.hasRemaining()) {
      return List.of();
    }
    XdrReader in = new XdrReader(body.slice());
    List<BlockExtent4> list = decodeUpdate(in);
    if (in.remaining() > 0) {
      throw XdrException.Kind.OVER_BOUND.exception();
    }
    return list;
  }

  @Override
  public int commit(
      Seal seal, ByteBuffer body, List<ByteRange> held, long endBytes, BooleanSupplier cancelled) {
    BlockVolume volume = volumes.get(seal.target().identity().device());
    if (endBytes > held.getLast().end()) {
      return -EINVAL;
    }
    List<ByteRange> written =
        decode(body).stream()
            .map(extent -> new ByteRange(extent.fileOffset(), extent.length()))
            .toList();
    return commits.commit(seal.target(), volume, written, held, endBytes, cancelled);
  }

  @Override
  public int checkReturn(ByteBuffer body) {
    return body.hasRemaining() ? NFS4ERR_INVAL : NFS4_OK;
  }

  @Override
  public boolean isGone(long clientId) {
    synchronized (gone) {
      return gone.containsKey(clientId);
    }
  }

  /** Its handles are revoked one by one. */
  @Override
  public void clientGone(long clientId) {
    synchronized (gone) {
      gone.put(clientId, true);
    }
  }
}
