package io.selkie.protocol.layout.rdma;

import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * pnfs_rdma_extent4: a run of a file's bytes and the registered memory they are in. The handle
 * stands before the length.
 *
 * <pre>
 *    0                       16               24          28           36                44      48
 *   +-----------------------+----------------+-----------+------------+-----------------+-------+
 *   | re_device_id          | re_file_offset | re_handle | re_length  | re_storage_     | re_   |
 *   |                       |                |           |            | offset          | state |
 *   +-----------------------+----------------+-----------+------------+-----------------+-------+
 * </pre>
 *
 * @param deviceId re_device_id
 * @param fileOffset re_file_offset, in bytes from the start of the file
 * @param handle re_handle: the R_key or STag
 * @param length re_length, in bytes
 * @param storageOffset re_storage_offset: the RDMA address of the byte at {@code fileOffset}
 * @param state re_state
 */
public record RdmaExtent4(
    DeviceId4 deviceId,
    long fileOffset,
    int handle,
    long length,
    long storageOffset,
    RdmaExtentState4 state) {

  /** The encoded size. */
  public static final int BYTES = 48;

  /** Reads one. */
  public static RdmaExtent4 decode(XdrReader in) {
    DeviceId4 deviceId = DeviceId4.decode(in);
    long fileOffset = in.int64();
    int handle = in.int32();
    long length = in.int64();
    long storageOffset = in.int64();
    return new RdmaExtent4(
        deviceId, fileOffset, handle, length, storageOffset, RdmaExtentState4.of(in.int32()));
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    deviceId.encode(out);
    out.int64(fileOffset);
    out.int32(handle);
    out.int64(length);
    out.int64(storageOffset);
    out.int32(state.wireValue());
  }
}
