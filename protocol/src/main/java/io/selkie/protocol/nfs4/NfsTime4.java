package io.selkie.protocol.nfs4;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * nfstime4 (RFC 8881 section 3.3.1).
 *
 * @param seconds since 1970-01-01 00:00 UTC; may be negative
 * @param nanos nseconds; below 10^9 in a valid time, which is for the caller to check (INVAL)
 */
public record NfsTime4(long seconds, int nanos) {

  /** The encoded size. */
  public static final int BYTES = 12;

  /** Reads one. */
  public static NfsTime4 decode(XdrReader in) {
    long seconds = in.int64();
    return new NfsTime4(seconds, in.int32());
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    encode(out, seconds, nanos);
  }

  /** Writes a time without making an object of it. */
  public static void encode(XdrWriter out, long seconds, int nanos) {
    out.int64(seconds);
    out.int32(nanos);
  }

  /** Returns whether the nanoseconds are below a second. */
  public boolean isValid() {
    return nanos >= 0 && nanos < 1_000_000_000;
  }
}
