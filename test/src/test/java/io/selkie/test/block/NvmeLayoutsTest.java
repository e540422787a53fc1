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
 * Goal: a stock Linux client with a SCSI layout on an NVMe namespace is refused by that, when it is
 * fenced and when its server was killed.
 *
 * <p>Method: {@code test/vm/scsi/run --nvme} boots a Debian kernel whose NVMe target has
 * reservations, with one namespace on two ways, and runs the class below there. Each of its tests
 * is a test here. A machine that cannot be had is a failure.
 */
@Tag("debian")
@Tag("slow")
@Tag("long")
@Execution(ExecutionMode.CONCURRENT)
class NvmeLayoutsTest {

  private static final List<String> ARGUMENTS =
      List.of("--nvme", "io.selkie.test.block.FencesUnderWrites");
  private static final int TESTS_MIN = 2;

  @TestFactory
  @Timeout(value = GuestRun.MINUTES_MAX + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> holdsOnAnNvmeNamespace() throws IOException, InterruptedException {
    return new GuestRun("test/vm/scsi/run", Path.of("test/target/nvme")).run(ARGUMENTS, TESTS_MIN);
  }
}
