package io.selkie.test.bench;

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

/**
 * Goal: the 100,000 opens of {@link HeapOfManyFilesTest} are of as many files. Method: {@code
 * test/vm/files/run} boots a guest in which a process may have so many descriptors, and runs it
 * there. It takes too long for every build; its name has to be said.
 */
@Tag("debian")
@Tag("slow")
class HeapOfManyFilesInGuest {

  /** The machine has 45. */
  private static final long MINUTES = 48;

  @TestFactory
  @Timeout(value = MINUTES + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> holdsWithADescriptorForEach() throws IOException, InterruptedException {
    return new GuestRun("test/vm/files/run", Path.of("test/target/files"), MINUTES)
        .run(List.of(HeapOfManyFilesTest.class.getName()), 1);
  }
}
