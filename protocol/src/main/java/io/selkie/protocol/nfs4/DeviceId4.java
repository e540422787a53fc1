package io.selkie.protocol.nfs4;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.HexFormat;

/** deviceid4 (RFC 8881 section 3.3.14): 16 opaque bytes, here as two big-endian longs. */
public record DeviceId4(long high, long low) {

  /** The encoded size. */
  public static final int BYTES = Nfs4Const.NFS4_DEVICEID4_SIZE;

  /** Reads one. */
  public static DeviceId4 decode(XdrReader in) {
    long high = in.int64();
    return new DeviceId4(high, in.int64());
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    out.int64(high);
    out.int64(low);
  }

  @Override
  public String toString() {
    HexFormat hex = HexFormat.of();
    return hex.toHexDigits(high) + hex.toHexDigits(low);
  }
}
