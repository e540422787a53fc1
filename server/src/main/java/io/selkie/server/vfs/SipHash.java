package io.selkie.server.vfs;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed 64-bit checksum that cannot be forged. */
final class SipHash {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final long k0;
  private final long k1;

  /** With a key of 16 bytes. */
  SipHash(byte[] key) {
    if (key.length != 16) {
      throw new IllegalArgumentException("key of " + key.length + " bytes");
    }
    k0 = (long) LONG.get(key, 0);
    k1 = (long) LONG.get(key, 8);
  }

  long hash(byte[] data, int length) {
    long v0 = k0 ^ 0x736f6d6570736575L;
    long v1 = k1 ^ 0x646f72616e646f6dL;
    long v2 = k0 ^ 0x6c7967656e657261L;
    long v3 = k1 ^ 0x7465646279746573L;
    int words = length / 8;
    // The words, then the rest with the length on top, then four rounds to finish.
    for (int i = 0; i <= words + 1; i++) {
      long m = i < words ? (long) LONG.get(data, i * 8) : i == words ? tail(data, length) : 0;
      int rounds = 2;
      if (i > words) {
        v2 ^= 0xff;
        rounds = 4;
      }
      v3 ^= m;
      for (int r = 0; r < rounds; r++) {
        v0 += v1;
        v1 = Long.rotateLeft(v1, 13) ^ v0;
        v0 = Long.rotateLeft(v0, 32);
        v2 += v3;
        v3 = Long.rotateLeft(v3, 16) ^ v2;
        v0 += v3;
        v3 = Long.rotateLeft(v3, 21) ^ v0;
        v2 += v1;
        v1 = Long.rotateLeft(v1, 17) ^ v2;
        v2 = Long.rotateLeft(v2, 32);
      }
      v0 ^= m;
    }
    return v0 ^ v1 ^ v2 ^ v3;
  }

  private static long tail(byte[] data, int length) {
    long m = (long) length << 56;
    int start = length & ~7;
    for (int i = start; i < length; i++) {
      m |= (data[i] & 0xffL) << (8 * (i - start));
    }
    return m;
  }
}
