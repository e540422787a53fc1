package io.selkie.client.direct;

import java.util.Random;

/** Bytes for tests. */
final class SelkieData {
  private SelkieData() {}

  static byte[] random(int bytes, long seed) {
    byte[] data = new byte[bytes];
    new Random(seed).nextBytes(data);
    return data;
  }
}
