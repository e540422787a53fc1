package io.selkie.protocol.layout.rdma;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.ArrayList;
import java.util.List;

/**
 * pnfs_rdma_layout4, the loc_body of LAYOUTGET: extents ordered by file offset, then by state.
 *
 * <pre>
 *   +-------+----------------------+----------------------+-----
 *   | count | extent 0 (48 bytes)  | extent 1 (48 bytes)  | ...
 *   +-------+----------------------+----------------------+-----
 * </pre>
 */
public record RdmaLayout4(List<RdmaExtent4> extents) {

  /** The most extents a layout may have; ours, so that a reply stays within reason. */
  public static final int EXTENTS_MAX = 65_536;

  /** Copies the list. */
  public RdmaLayout4 {
    extents = List.copyOf(extents);
  }

  /** Returns the encoded size of a layout of so many extents. */
  public static int encodedBytes(int extentCount) {
    return Integer.BYTES + extentCount * RdmaExtent4.BYTES;
  }

  /** Reads one. */
  public static RdmaLayout4 decode(XdrReader in) {
    int count = in.count(EXTENTS_MAX, RdmaExtent4.BYTES);
    List<RdmaExtent4> extents = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      extents.add(RdmaExtent4.decode(in));
    }
    return new RdmaLayout4(extents);
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    out.int32(extents.size());
    for (RdmaExtent4 extent : extents) {
      extent.encode(out);
    }
  }
}
