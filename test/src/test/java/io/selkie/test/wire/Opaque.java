package io.selkie.test.wire;

import java.util.Arrays;
import java.util.HexFormat;

/** Opaque bytes off the wire: a handle, a stateid, a device id. */
public final class Opaque {

  private final byte[] bytes;

  /** Copies them. */
  public Opaque(byte[] bytes) {
    this.bytes = bytes.clone();
  }

  /** A copy. */
  public byte[] bytes() {
    return bytes.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Opaque that && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  @Override
  public String toString() {
    return HexFormat.of().formatHex(bytes);
  }
}
