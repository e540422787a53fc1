package io.selkie.protocol.layout.rdma;

import io.selkie.protocol.xdr.XdrException;

/** pnfs_rdma_extent_state4: what may be done with an extent. The ordinal is the wire value. */
public enum RdmaExtentState4 {
  /** Valid data, to be read and written. */
  PNFS_RDMA_READ_WRITE_DATA,
  /** Valid data, to be read only. */
  PNFS_RDMA_READ_DATA,
  /** A valid place without data: reads as zeroes and must not be read from the device. */
  PNFS_RDMA_INVALID_DATA,
  /** A hole: there is no place. */
  PNFS_RDMA_NONE_DATA;

  private static final RdmaExtentState4[] VALUES = values();

  /** Returns the state of a wire value; an undefined one is refused. */
  public static RdmaExtentState4 of(int value) {
    if (value < 0 || value >= VALUES.length) {
      throw XdrException.Kind.BAD_ENUM.exception();
    }
    return VALUES[value];
  }
}
