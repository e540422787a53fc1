package io.selkie.protocol.xdr;

/** The arithmetic of XDR's four-byte units (RFC 4506 section 3). */
public final class Xdr {

  /** Everything in XDR takes a multiple of this many bytes. */
  public static final int UNIT_BYTES = 4;

  private Xdr() {}

  /** Returns {@code length} rounded up to whole units; {@code length} must be below 2^31 - 3. */
  public static int padded(int length) {
    return (length + 3) & ~3;
  }

  /** Returns how many zero bytes follow an opaque of {@code length} bytes: 0 to 3. */
  public static int padding(int length) {
    return -length & 3;
  }

  /** Returns the encoded size of a variable-length opaque of {@code length} bytes. */
  public static int opaqueBytes(int length) {
    return Integer.BYTES + padded(length);
  }
}
