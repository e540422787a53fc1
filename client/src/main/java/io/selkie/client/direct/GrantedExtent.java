package io.selkie.client.direct;

import io.selkie.protocol.layout.rdma.RdmaExtentState4;

/**
 * A stretch of a file that a layout grants, with the way to its bytes.
 *
 * @param start first byte in the file
 * @param end the byte after the last
 * @param state what the bytes are
 * @param key R_key or STag; meaningless for holes
 * @param address RDMA address of the byte at {@code start}
 * @param channel the queue pair's owner; null for holes
 */
public record GrantedExtent(
    long start, long end, RdmaExtentState4 state, int key, long address, DirectChannel channel) {

  /** Checks the bounds. */
  public GrantedExtent {
    if (start < 0 || end <= start) {
      throw new IllegalArgumentException("extent from " + start + " to " + end);
    }
    if (channel == null && isReadable(state)) {
      throw new IllegalArgumentException("extent of state " + state + " without a channel");
    }
  }

  /** Whether the device may be read there; elsewhere the bytes are zeroes. */
  public boolean isReadable() {
    return isReadable(state);
  }

  /** Whether the device may be written there. */
  public boolean isWritable() {
    return state == RdmaExtentState4.PNFS_RDMA_READ_WRITE_DATA;
  }

  private static boolean isReadable(RdmaExtentState4 state) {
    return state == RdmaExtentState4.PNFS_RDMA_READ_WRITE_DATA
        || state == RdmaExtentState4.PNFS_RDMA_READ_DATA;
  }

  /** Number of bytes. */
  public long length() {
    return end - start;
  }
}
