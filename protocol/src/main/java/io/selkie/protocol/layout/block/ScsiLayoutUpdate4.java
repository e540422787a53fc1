package io.selkie.protocol.layout.block;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.ArrayList;
import java.util.List;

/**
 * pnfs_scsi_layoutupdate4 (RFC 8154 section 2.4.2), the lou_body of LAYOUTCOMMIT: ranges that were
 * INVALID_DATA and have been written.
 *
 * <pre>
 *           0       4                12          20
 *           +-------+----------------+-----------+-----
 *           | count | sr_file_offset | sr_length | ...
 *           +-------+----------------+-----------+-----
 * </pre>
 */
public record ScsiLayoutUpdate4(List<Range> commitList) {

  /** The most ranges accepted; ours. */
  public static final int RANGES_MAX = 65_536;

  private static final int RANGE_BYTES = 16;

  /**
   * pnfs_scsi_range4.
   *
   * @param fileOffset in bytes
   * @param length in bytes
   */
  public record Range(long fileOffset, long length) {}

  /** Copies the list. */
  public ScsiLayoutUpdate4 {
    commitList = List.copyOf(commitList);
  }

  /** Reads one. */
  public static ScsiLayoutUpdate4 decode(XdrReader in) {
    int count = in.count(RANGES_MAX, RANGE_BYTES);
    List<Range> ranges = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      long fileOffset = in.int64();
      ranges.add(new Range(fileOffset, in.int64()));
    }
    return new ScsiLayoutUpdate4(ranges);
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    out.int32(commitList.size());
    for (Range range : commitList) {
      out.int64(range.fileOffset());
      out.int64(range.length());
    }
  }
}
