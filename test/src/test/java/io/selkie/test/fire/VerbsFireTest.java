package io.selkie.test.fire;

import io.selkie.rdma.verbs.GuestRun;
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
 * Goal: fencing under fire on the kernel's RDMA stack.
 *
 * <p>Method: {@code test/vm/verbs/run} boots a stock Debian kernel with soft RoCE in a virtual
 * machine, where {@link VerbsRegionFire} runs, and an older one for {@link FilesFireOnDevice}. A
 * machine that cannot be had is a failure.
 */
@Tag("debian")
@Tag("slow")
@Execution(ExecutionMode.CONCURRENT)
class VerbsFireTest {

  /** Here, because this guest has soft RoCE and nothing else to do. */
  private static final String CLIENT_SPEED = "io.selkie.test.verbs.ClientSpeedOnDevice";

  @TestFactory
  @Timeout(value = GuestRun.MINUTES_MAX + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> noByteLandsAfterItsFenceOnSoftRoce() throws Exception {
    return new GuestRun("test/vm/verbs/run", Path.of("test/target/verbs-fire"))
        .run(List.of(VerbsRegionFire.class.getName(), CLIENT_SPEED), 2 + 3);
  }

  /** Of files, each block of whose file system is looked at. */
  @TestFactory
  @Tag("long")
  @Timeout(value = GuestRun.MINUTES_MAX + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> noByteOfAFileLandsAfterItsFenceOnSoftRoce() throws Exception {
    return new GuestRun("test/vm/verbs/run", Path.of("test/target/verbs-fire-of-files"))
        .run(List.of("--guest", "stable", FilesFireOnDevice.class.getName()), 2);
  }
}
