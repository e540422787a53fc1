package io.selkie.protocol.layout.block;

import io.selkie.protocol.xdr.XdrException;

/**
 * pnfs_block_extent_state4 (RFC 5663 section 2.3) and pnfs_scsi_extent_state4 (RFC 8154 section
 * 2.4), which have the same numbers: what may be done with an extent.
 */
public enum BlockExtentState4 {
  /** Valid data, to be read and written. */
  PNFS_BLOCK_READ_WRITE_DATA(0),
  /** Valid data, to be read only. */
  PNFS_BLOCK_READ_DATA(1),
  /**
   * A valid place without data: it reads as zeroes without being read from the device, is written
   * in whole blocks, and what was written is told by LAYOUTCOMMIT.
   */
  PNFS_BLOCK_INVALID_DATA(2),
  /** A hole: there is no place. */
  PNFS_BLOCK_NONE_DATA(3);

  private final int wireValue;

  BlockExtentState4(int wireValue) {
    this.wireValue = wireValue;
  }

  /** Returns the number on the wire. */
  public int wireValue() {
    return wireValue;
  }

  /** Returns the state of a wire value; an undefined one is refused. */
  public static BlockExtentState4 of(int value) {
    return switch (value) {
      case 0 -> PNFS_BLOCK_READ_WRITE_DATA;
      case 1 -> PNFS_BLOCK_READ_DATA;
      case 2 -> PNFS_BLOCK_INVALID_DATA;
      case 3 -> PNFS_BLOCK_NONE_DATA;
      default -> throw XdrException.Kind.BAD_ENUM.exception();
    };
  }
}
