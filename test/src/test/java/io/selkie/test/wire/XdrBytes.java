package io.selkie.test.wire;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;

/**
 * XDR written by hand, straight from RFC 4506 and with nothing of the program's own codec: what
 * this says is right or wrong independently of it, and it can say things that the codec refuses to.
 */
public final class XdrBytes {

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /** An unsigned 32-bit number; the low bits of {@code value}. */
  public XdrBytes u32(long value) {
    out.write((int) (value >>> 24));
    out.write((int) (value >>> 16));
    out.write((int) (value >>> 8));
    out.write((int) value);
    return this;
  }

  /** An unsigned 64-bit number. */
  public XdrBytes u64(long value) {
    return u32(value >>> 32).u32(value);
  }

  /** Opaque bytes of fixed length, padded to a multiple of 4. */
  public XdrBytes fixed(byte[] bytes) {
    out.writeBytes(bytes);
    for (int i = bytes.length; i % 4 != 0; i++) {
      out.write(0);
    }
    return this;
  }

  /** Opaque bytes of variable length. */
  public XdrBytes opaque(byte[] bytes) {
    return u32(bytes.length).fixed(bytes);
  }

  /** A string. */
  public XdrBytes string(String text) {
    return opaque(text.getBytes(UTF_8));
  }

  /** What another one holds, as it is. */
  public XdrBytes append(XdrBytes other) {
    out.writeBytes(other.bytes());
    return this;
  }

  /** All of it. */
  public byte[] bytes() {
    return out.toByteArray();
  }
}
