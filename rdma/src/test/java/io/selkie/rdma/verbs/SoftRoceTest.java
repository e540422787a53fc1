package io.selkie.rdma.verbs;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: the verbs provider keeps the contract of providers on soft RoCE, and it is about as quick
 * there as programs in C. {@code VerbsDevicesTest} shows it on others.
 *
 * <p>Method: {@code test/vm/verbs/run} boots a Debian kernel with an RDMA device in a virtual
 * machine, where {@link RunOnDevice} runs {@link VerbsOnDevice} and what is of that device. Each of
 * its tests is a test here. A machine that cannot be had is a failure.
 */
@Tag("debian")
@Tag("slow")
class SoftRoceTest {

  private static final int CONTRACT = 40;

  private static Stream<DynamicTest> run(String guest, int testsMin)
      throws IOException, InterruptedException {
    return new GuestRun("test/vm/verbs/run", Path.of("rdma/target/guest-" + guest))
        .run(List.of("--guest", guest), testsMin);
  }

  @TestFactory
  @Timeout(value = GuestRun.MINUTES_MAX + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> contractHoldsOnSoftRoce() throws IOException, InterruptedException {
    return run("rxe", CONTRACT + 3 + 5);
  }
}
