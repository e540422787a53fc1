package io.selkie.test.siw;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Contents that both peers can make and compare without sending them: as {@code fill} and {@code
 * sum} of the kernel's peer.
 */
final class Octets {

  private Octets() {}

  /** Fills a part of memory from a seed. */
  static void fill(MemorySegment memory, int seed) {
    for (long i = 0; i < memory.byteSize(); i++) {
      memory.set(ValueLayout.JAVA_BYTE, i, octet(seed, i));
    }
  }

  /** What {@link #fill} makes of so many octets. */
  static byte[] of(int seed, int length) {
    byte[] octets = new byte[length];
    for (int i = 0; i < length; i++) {
      octets[i] = octet(seed, i);
    }
    return octets;
  }

  private static byte octet(int seed, long i) {
    return (byte) (seed + i * 7 + (i >> 8) * 13);
  }

  /** FNV-1a in 64 bits. */
  static long sum(byte[] octets) {
    long sum = 0xcbf29ce484222325L;
    for (byte octet : octets) {
      sum = (sum ^ (octet & 0xff)) * 0x100000001b3L;
    }
    return sum;
  }

  /** A copy of memory. */
  static byte[] copy(MemorySegment memory) {
    return memory.toArray(ValueLayout.JAVA_BYTE);
  }
}
