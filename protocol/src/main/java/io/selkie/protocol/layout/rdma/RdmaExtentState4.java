package io.selkie.protocol.layout.rdma;

import io.selkie.protocol.xdr.XdrException;

/** pnfs_rdma_extent_state4: what may be done with an extent. */
public enum RdmaExtentState4 {
  /** Valid data, to be read and written. */
  PNFS_RDMA_READ_WRITE_DATA(0),
  /** Valid data, to be read only. */
  PNFS_RDMA_READ_DATA(1),
  /** A valid place without data: reads as zeroes and must not be read from the device. */
  PNFS_RDMA_INVALID_DATA(2),
  /** A hole: there is no place. */
  PNFS_RDMA_NONE_DATA(3);

  private final int wireValue;

  RdmaExtentState4(int wireValue) {
    this.wireValue = wireValue;
  }

  /** Returns the number on the wire. */
  public int wireValue() {
    return wireValue;
  }

  /** Returns the state of a wire value; an undefined one is refused. */
  public static RdmaExtentState4 of(int value) {
    return switch (value) {
      case 0 -> PNFS_RDMA_READ_WRITE_DATA;
      case 1 -> PNFS_RDMA_READ_DATA;
      case 2 -> PNFS_RDMA_INVALID_DATA;
      case 3 -> PNFS_RDMA_NONE_DATA;
      default -> throw XdrException.Kind.BAD_ENUM.exception();
    };
  }
}
