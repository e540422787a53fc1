package io.selkie.protocol.layout.rdma;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * pnfs_rdma_range4: a range of a file, in bytes.
 *
 * <pre>
 *    0                8           16
 *   +----------------+-----------+
 *   | rr_file_offset | rr_length |
 *   +----------------+-----------+
 * </pre>
 */
public record RdmaRange4(long fileOffset, long length) {

  /** The encoded size. */
  public static final int BYTES = 16;

  /** Reads one. */
  public static RdmaRange4 decode(XdrReader in) {
    long fileOffset = in.int64();
    return new RdmaRange4(fileOffset, in.int64());
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    out.int64(fileOffset);
    out.int64(length);
  }
}
