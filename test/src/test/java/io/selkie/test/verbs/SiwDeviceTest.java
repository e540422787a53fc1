package io.selkie.test.verbs;

import io.selkie.rdma.verbs.GuestRun;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: on the kernel's software iWARP as a device the verbs provider keeps the contract of
 * providers, and a client on it reads and writes the files of a server whose iWARP is ours.
 *
 * <p>Method: {@code test/vm/verbs/run} boots a Debian kernel with {@code siw} in a virtual machine
 * and runs the classes below there. Each of their tests is a test here. A machine that cannot be
 * had is a failure.
 */
@Tag("debian")
@Tag("slow")
class SiwDeviceTest {

  private static final int TESTS_MIN = 39 + 2;

  @TestFactory
  @Timeout(value = GuestRun.MINUTES_MAX + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> holdsOnSoftwareIwarp() throws Exception {
    return new GuestRun("test/vm/verbs/run", Path.of("test/target/guest-siw"))
        .run(
            List.of("--guest", "siw", "VerbsOnDevice", SiwClientOnDevice.class.getName()),
            TESTS_MIN);
  }
}
