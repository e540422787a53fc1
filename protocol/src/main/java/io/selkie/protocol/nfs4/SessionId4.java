package io.selkie.protocol.nfs4;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.HexFormat;

/** sessionid4 (RFC 8881 section 3.2): 16 opaque bytes, here as two big-endian longs. */
public record SessionId4(long high, long low) {

  /** The encoded size. */
  public static final int BYTES = Nfs4Const.NFS4_SESSIONID_SIZE;

  /** Reads one. */
  public static SessionId4 decode(XdrReader in) {
    long high = in.int64();
    return new SessionId4(high, in.int64());
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
