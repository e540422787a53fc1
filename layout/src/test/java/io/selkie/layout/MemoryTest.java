package io.selkie.layout;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.ByteRange;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What is remembered of a layout, and what a WRITE costs that nobody's layout stands in the way of.
 */
@Timeout(120)
class MemoryTest {

  private static final int LAYOUTS = 10_000;
  private static final int PERMITS = 200_000;
  private static final long PERMIT_BYTES_MAX = 200;
  private static final long HEAP_MAX = 64L << 20;
  private static final ByteRange RANGE = new ByteRange(0, 4096);

  @Test
  void tenThousandLayoutsOnAsManyFilesFitIntoTheHeapTheyMayHave() {
    LayoutPolicy policy =
        new LayoutPolicy(
            1, 1, 1, 1, 1, 1, LAYOUTS, LAYOUTS, 10, LAYOUTS, LAYOUTS, 4, 4, 2, 5, 1L << 40,
            1L << 40, 4096, 100, 16, true);
    List<FakeSealer.File> files = new ArrayList<>();
    Rig rig = new Rig(policy, Long.MAX_VALUE);
    for (int i = 0; i < LAYOUTS; i++) {
      files.add(rig.file().data(0, Rig.MB));
    }
    long before = usedHeap();

    for (FakeSealer.File file : files) {
      rig.get(file).granted();
    }
    rig.events.clear();
    rig.sealer.calls.clear();
    long used = usedHeap() - before;

    assertThat(rig.arbiter.layoutCount()).isEqualTo(LAYOUTS);
    assertThat(used / LAYOUTS)
        .as("bytes a layout, with the fakes' seals and regions")
        .isLessThan(3_000);
    assertThat(used).isLessThan(HEAP_MAX);
    files.forEach(file -> rig.arbiter.lastClose(1, file.identity()));
    rig.assertNothingIsLeft();
  }

  @Test
  void writePermitWithoutLayoutsIsLight() {
    Rig rig = new Rig();
    FakeSealer.File file = rig.file().data(0, Rig.MB);
    writes(rig, file, PERMITS);

    assertThat(bytesOfAPermit(rig, file))
        .as("bytes allocated by a permit on a file without layouts")
        .isLessThan(PERMIT_BYTES_MAX);
    var layout = rig.get(file).granted();
    assertThat(bytesOfAPermit(rig, file))
        .as("the same on a file with layouts but no holes")
        .isLessThan(PERMIT_BYTES_MAX);
    rig.giveBack(file, 1, layout.stateid());
    rig.assertNothingIsLeft(file);
  }

  /** When the machine is busy the compiler comes late: it is measured again. */
  private static long bytesOfAPermit(Rig rig, FakeSealer.File file) {
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long bytes = Long.MAX_VALUE;
    for (int i = 0; i < 10 && bytes >= PERMIT_BYTES_MAX; i++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      writes(rig, file, PERMITS);
      bytes = (threads.getCurrentThreadAllocatedBytes() - before) / PERMITS;
    }
    return bytes;
  }

  private static void writes(Rig rig, FakeSealer.File file, int rounds) {
    for (int i = 0; i < rounds; i++) {
      if (rig.arbiter.beforeChange(file.identity(), FileChange.WRITE, RANGE, 1)
          instanceof ChangePermit.Granted permit) {
        permit.close();
      }
    }
  }

  private static long usedHeap() {
    var memory = ManagementFactory.getMemoryMXBean();
    for (int i = 0; i < 3; i++) {
      memory.gc();
    }
    return memory.getHeapMemoryUsage().getUsed();
  }
}
