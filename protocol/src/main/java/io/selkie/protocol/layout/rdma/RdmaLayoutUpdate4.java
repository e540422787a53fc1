package io.selkie.protocol.layout.rdma;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.ArrayList;
import java.util.List;

/**
 * pnfs_rdma_layoutupdate4, the lou_body of LAYOUTCOMMIT: the ranges that were INVALID_DATA and are
 * written now.
 *
 * <pre>
 *   +-------+---------------------+---------------------+-----
 *   | count | range 0 (16 bytes)  | range 1 (16 bytes)  | ...
 *   +-------+---------------------+---------------------+-----
 * </pre>
 */
public record RdmaLayoutUpdate4(List<RdmaRange4> commitList) {

  /** The most ranges accepted; ours. */
  public static final int RANGES_MAX = 65_536;

  /** An update that commits nothing but the size: there was no INVALID_DATA. */
  public static final RdmaLayoutUpdate4 EMPTY = new RdmaLayoutUpdate4(List.of());

  /** Copies the list. */
  public RdmaLayoutUpdate4 {
    commitList = List.copyOf(commitList);
  }

  /** Reads one. */
  public static RdmaLayoutUpdate4 decode(XdrReader in) {
    int count = in.count(RANGES_MAX, RdmaRange4.BYTES);
    List<RdmaRange4> ranges = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      ranges.add(RdmaRange4.decode(in));
    }
    return new RdmaLayoutUpdate4(ranges);
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    out.int32(commitList.size());
    for (RdmaRange4 range : commitList) {
      range.encode(out);
    }
  }
}
