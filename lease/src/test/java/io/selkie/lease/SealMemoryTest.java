package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealOutcome.Sealed;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: 10,000 seals are cheap.
 *
 * <p>Method: real seals with a handle each, and the heap that is still in use after a collection
 * with and without them; the least of some tries, since others use the heap too.
 */
@Timeout(120)
class SealMemoryTest {
  private static final int SEALS = 400;
  private static final long BYTES_PER_SEAL_MAX = 2048;

  @Test
  void aSealTakesLessThanTwoKibibytesAndNoThread() throws Exception {
    try (var rig = new RealRig()) {
      List<RealTarget> targets = new ArrayList<>();
      for (int i = 0; i < SEALS; i++) {
        targets.add(rig.open(rig.file("m" + i, 4096), true));
      }
      // The first seal loads classes.
      rig.sealed(targets.getFirst(), Purpose.READ_WRITE).seal().release();
      int threads = ManagementFactory.getThreadMXBean().getThreadCount();
      long before = usedBytes();

      List<Sealed> seals = new ArrayList<>();
      for (RealTarget target : targets) {
        Sealed sealed = rig.sealed(target, Purpose.READ_WRITE);
        sealed.seal().addHandle(sealed.map());
        seals.add(sealed);
      }

      long perSeal = (usedBytes() - before) / SEALS;
      System.out.println("heap for each seal with its block map: " + perSeal + " bytes");
      assertThat(perSeal).isBetween(100L, BYTES_PER_SEAL_MAX);
      assertThat(ManagementFactory.getThreadMXBean().getThreadCount())
          .isLessThan(threads + SEALS / 10);
      for (Sealed sealed : seals) {
        sealed.seal().removeHandle(sealed.map());
        sealed.seal().release();
      }
    }
  }

  private static long usedBytes() {
    long least = Long.MAX_VALUE;
    for (int i = 0; i < 3; i++) {
      System.gc();
      least = Math.min(least, ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
    }
    return least;
  }
}
