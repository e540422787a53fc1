package io.selkie.protocol.nfs4;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.HexFormat;

/** verifier4 (RFC 8881 section 3.2): 8 opaque bytes, compared only for equality. */
public record Verifier4(long bits) {

  /** The encoded size. */
  public static final int BYTES = Nfs4Const.NFS4_VERIFIER_SIZE;

  /** Reads one. */
  public static Verifier4 decode(XdrReader in) {
    return new Verifier4(in.int64());
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    out.int64(bits);
  }

  @Override
  public String toString() {
    return HexFormat.of().toHexDigits(bits);
  }
}
