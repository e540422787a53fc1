package io.selkie.protocol.layout.block;

import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.ArrayList;
import java.util.List;

/**
 * pnfs_block_extent4 (RFC 5663 section 2.3), which pnfs_scsi_extent4 is too: a run of a file's
 * bytes and where on a volume they are.
 *
 * <pre>
 *    0                       16                24           32                   40          44
 *   +-----------------------+-----------------+------------+--------------------+-----------+
 *   | bex_vol_id            | bex_file_offset | bex_length | bex_storage_offset | bex_state |
 *   +-----------------------+-----------------+------------+--------------------+-----------+
 * </pre>
 *
 * @param volumeId bex_vol_id
 * @param fileOffset bex_file_offset, in bytes from the start of the file
 * @param length bex_length, in bytes
 * @param storageOffset bex_storage_offset, in bytes from the start of the volume; means nothing in
 *     a hole and in a LAYOUTCOMMIT
 * @param state bex_state
 */
public record BlockExtent4(
    DeviceId4 volumeId, long fileOffset, long length, long storageOffset, BlockExtentState4 state) {

  /** The encoded size. */
  public static final int BYTES = 44;

  /** Reads one. */
  public static BlockExtent4 decode(XdrReader in) {
    DeviceId4 volumeId = DeviceId4.decode(in);
    long fileOffset = in.int64();
    long length = in.int64();
    long storageOffset = in.int64();
    return new BlockExtent4(
        volumeId, fileOffset, length, storageOffset, BlockExtentState4.of(in.int32()));
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    encode(out, volumeId, fileOffset, length, storageOffset, state);
  }

  /** Writes one that need not be made first. */
  public static void encode(
      XdrWriter out,
      DeviceId4 volumeId,
      long fileOffset,
      long length,
      long storageOffset,
      BlockExtentState4 state) {
    volumeId.encode(out);
    out.int64(fileOffset);
    out.int64(length);
    out.int64(storageOffset);
    out.int32(state.wireValue());
  }

  /** Reads a counted list of at most {@code max}. */
  static List<BlockExtent4> decodeList(XdrReader in, int max) {
    int count = in.count(max, BYTES);
    List<BlockExtent4> extents = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      extents.add(decode(in));
    }
    return extents;
  }

  /** Writes a counted list. */
  static void encodeList(XdrWriter out, List<BlockExtent4> extents) {
    out.int32(extents.size());
    extents.forEach(extent -> extent.encode(out));
  }
}
