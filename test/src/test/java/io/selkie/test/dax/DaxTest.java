package io.selkie.test.dax;

import io.selkie.rdma.verbs.GuestRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Goal: what the design says of DAX holds on XFS and ext4 on persistent memory.
 *
 * <p>Method: {@code test/vm/pmem/run} boots a stock Debian kernel with emulated NVDIMMs in a
 * virtual machine and runs the classes below there. Each of their tests is a test here. A machine
 * that cannot be had is a failure.
 */
@Tag("debian")
@Tag("slow")
@Execution(ExecutionMode.CONCURRENT)
class DaxTest {

  private static final List<String> CLASSES =
      List.of(
          "io.selkie.lease.DaxProbesOnPmem",
          "io.selkie.lease.LeaseTableOnPmem",
          "io.selkie.lease.SealsOnPmem",
          "io.selkie.test.dax.LayoutsOnPmem",
          "io.selkie.test.dax.StorageTroubleOnPmem",
          "io.selkie.test.verbs.VerbsServerOnDevice",
          "io.selkie.test.dax.MediaOnPmem",
          "io.selkie.test.dax.BadBlocksOnPmem",
          "io.selkie.test.dax.LayoutCommitOnPmem",
          "io.selkie.test.fire.DeviceFireOnPmem",
          "io.selkie.lease.DurabilityOnPmem",
          "io.selkie.lease.InlineDataOnPmem",
          "io.selkie.lease.EncodedDataOnPmem");
  private static final int TESTS_MIN = 319;

  /** The machine has 40. */
  private static final long MINUTES = 42;

  @TestFactory
  @Timeout(value = MINUTES + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> holdsOnPersistentMemory() throws IOException, InterruptedException {
    return new GuestRun("test/vm/pmem/run", Path.of("test/target/dax"), MINUTES)
        .run(CLASSES, TESTS_MIN);
  }
}
