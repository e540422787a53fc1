package io.selkie.test.verbs;

import io.selkie.rdma.verbs.GuestRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
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
 * Goal: the verbs provider keeps the contract of providers on each RDMA device that the kernel has
 * in software, and server and client do by it there what they should.
 *
 * <p>Method: {@code test/vm/verbs/run} boots a Debian kernel with such a device in a virtual
 * machine and runs the classes below there. Each of their tests is a test here. A machine that
 * cannot be had is a failure. The contract on soft RoCE of the stock kernel is {@code
 * SoftRoceTest}'s.
 */
@Tag("debian")
@Tag("slow")
@Execution(ExecutionMode.CONCURRENT)
class VerbsDevicesTest {

  private static final int CONTRACT = 40;

  private static Stream<DynamicTest> run(String guest, int testsMin, String... classes)
      throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(List.of("--guest", guest));
    words.addAll(List.of(classes));
    return new GuestRun("test/vm/verbs/run", Path.of("test/target/guest-" + guest))
        .run(words, testsMin);
  }

  /** A client on it reads and writes the files of a server whose iWARP is ours. */
  @TestFactory
  @Timeout(value = GuestRun.MINUTES_MAX + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> softwareIwarp() throws IOException, InterruptedException {
    return run("siw", CONTRACT + 3, "VerbsOnDevice", SiwClientOnDevice.class.getName());
  }

  /** Where memory is registered on demand, too, and peers can flush what they wrote. */
  @TestFactory
  @Timeout(value = GuestRun.MINUTES_MAX + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> softRoceOfALaterKernel() throws IOException, InterruptedException {
    return run(
        "recent",
        CONTRACT - 1 + 9 + 4,
        "io.selkie.rdma.OnDemandOnDevice",
        FlushOnDevice.class.getName());
  }
}
