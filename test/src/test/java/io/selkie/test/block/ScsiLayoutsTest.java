package io.selkie.test.block;

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
 * Goal: a stock Linux client that reaches the server's SCSI disks reads and writes files of XFS and
 * ext4 on them by itself, gives way when others want them, and is refused by the disk when it does
 * not.
 *
 * <p>Method: {@code test/vm/scsi/run} boots a stock Debian kernel with two disks of its SCSI target
 * and one of its iSCSI target, each on two ways, and runs the classes below there. Each of their
 * tests is a test here. A machine that cannot be had is a failure.
 */
@Tag("debian")
@Tag("slow")
@Execution(ExecutionMode.CONCURRENT)
class ScsiLayoutsTest {

  /**
   * In this order: one of {@code ScsiLayoutsOnLio} takes the loopback down, and a target by iSCSI
   * that is not answered for long ends a connection which nobody makes anew.
   */
  private static final List<String> CLASSES =
      List.of(
          "io.selkie.test.block.FencesUnderWrites",
          "io.selkie.test.block.ScsiLayoutsOnLio",
          "io.selkie.test.block.VolumesInTheGuest");

  private static final int TESTS_MIN = 16;

  @TestFactory
  @Timeout(value = GuestRun.MINUTES_MAX + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> holdsOnScsiDisks() throws IOException, InterruptedException {
    return new GuestRun("test/vm/scsi/run", Path.of("test/target/scsi")).run(CLASSES, TESTS_MIN);
  }
}
