package io.selkie.test.fire;

import java.security.SecureRandom;

/** The seed of a fire: that of {@code -Dselkie.seed}, or one that nobody chose. Printed. */
final class FireSeed {

  private FireSeed() {}

  static long of(String what) {
    Long given = Long.getLong("selkie.seed");
    long seed = given == null ? new SecureRandom().nextLong() : given;
    System.out.println(what + ": -Dselkie.seed=" + seed);
    return seed;
  }
}
