package io.selkie.protocol.layout.block;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.List;

/**
 * pnfs_block_layoutupdate4 (RFC 5663 section 2.3.2), the lou_body of LAYOUTCOMMIT: extents that
 * were INVALID_DATA and have been written. Their storage offset and volume mean nothing.
 *
 * <pre>
 *   +-------+----------------------+----------------------+-----
 *   | count | extent 0 (44 bytes)  | extent 1 (44 bytes)  | ...
 *   +-------+----------------------+----------------------+-----
 * </pre>
 */
public record BlockLayoutUpdate4(List<BlockExtent4> commitList) {

  /** The most extents accepted; ours. */
  public static final int EXTENTS_MAX = 65_536;

  /** Copies the list. */
  public BlockLayoutUpdate4 {
    commitList = List.copyOf(commitList);
  }

  /** Reads one. */
  public static BlockLayoutUpdate4 decode(XdrReader in) {
    return new BlockLayoutUpdate4(BlockExtent4.decodeList(in, EXTENTS_MAX));
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    BlockExtent4.encodeList(out, commitList);
  }
}
