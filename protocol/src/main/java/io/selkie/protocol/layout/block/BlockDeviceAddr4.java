package io.selkie.protocol.layout.block;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.ArrayList;
import java.util.List;

/**
 * pnfs_block_deviceaddr4 (RFC 5663 section 2.2.2), the da_addr_body of GETDEVICEINFO: volumes, each
 * made of earlier ones or a {@link Volume4.Simple}; the last is the one that extents name.
 *
 * <pre>
 *   +-------+----------+----------+-----+------------------+
 *   | count | volume 0 | volume 1 | ... | volume count - 1 |
 *   +-------+----------+----------+-----+------------------+
 * </pre>
 */
public record BlockDeviceAddr4(List<Volume4> volumes) {

  /** The most volumes accepted; ours. */
  public static final int VOLUMES_MAX = 1024;

  /** What the shortest volume takes on the wire. */
  private static final int VOLUME_BYTES_MIN = 8;

  /** Copies the list. */
  public BlockDeviceAddr4 {
    volumes = List.copyOf(volumes);
  }

  /** Reads one. */
  public static BlockDeviceAddr4 decode(XdrReader in) {
    int count = in.count(VOLUMES_MAX, VOLUME_BYTES_MIN);
    List<Volume4> volumes = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      volumes.add(Volume4.decode(in, false, i));
    }
    return new BlockDeviceAddr4(volumes);
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    out.int32(volumes.size());
    volumes.forEach(volume -> volume.encode(out));
  }
}
