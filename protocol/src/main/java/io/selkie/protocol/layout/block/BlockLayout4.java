package io.selkie.protocol.layout.block;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.List;

/**
 * pnfs_block_layout4 (RFC 5663 section 2.3) and pnfs_scsi_layout4: the loc_body of LAYOUTGET,
 * extents ordered by file offset, then by state.
 *
 * <pre>
 *   +-------+----------------------+----------------------+-----
 *   | count | extent 0 (44 bytes)  | extent 1 (44 bytes)  | ...
 *   +-------+----------------------+----------------------+-----
 * </pre>
 */
public record BlockLayout4(List<BlockExtent4> extents) {

  /** The most extents a layout may have; ours, so that a reply stays within reason. */
  public static final int EXTENTS_MAX = 65_536;

  /** Copies the list. */
  public BlockLayout4 {
    extents = List.copyOf(extents);
  }

  /** Returns the encoded size of a layout of so many extents. */
  public static int encodedBytes(int extentCount) {
    return Integer.BYTES + extentCount * BlockExtent4.BYTES;
  }

  /** Reads one. */
  public static BlockLayout4 decode(XdrReader in) {
    return new BlockLayout4(BlockExtent4.decodeList(in, EXTENTS_MAX));
  }

  /** Writes what stands before so many extents. */
  public static void encodeCount(XdrWriter out, int extentCount) {
    out.int32(extentCount);
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    BlockExtent4.encodeList(out, extents);
  }
}
