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
 * Goal: a stock Linux client that has the server's persistent memory reads and writes files of XFS
 * and ext4 on it by itself, and gives way when others want them.
 *
 * <p>Method: {@code test/vm/block/run} boots two stock Debian kernels that share their NVDIMMs, and
 * runs the class below in the one that is the server. Each of its tests is a test here. Machines
 * that cannot be had are a failure.
 */
@Tag("debian")
@Tag("slow")
@Execution(ExecutionMode.CONCURRENT)
class BlockLayoutsTest {

  private static final List<String> CLASSES = List.of("io.selkie.test.block.BlockLayoutsOnPmem");
  private static final int TESTS_MIN = 17;

  @TestFactory
  @Timeout(value = GuestRun.MINUTES_MAX + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> holdsBetweenTwoMachines() throws IOException, InterruptedException {
    return new GuestRun("test/vm/block/run", Path.of("test/target/block")).run(CLASSES, TESTS_MIN);
  }
}
