package io.selkie.client;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.selkie.client.fake.FakeServer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: a warm direct operation of one chunk allocates nothing on the thread that does it. */
@Timeout(120)
class AllocationTest {
  private static final int WARM_UP = 20_000;
  private static final int MEASURED = 5_000;
  private static final int ROUNDS_MAX = 10;
  private static final double BYTES_MAX = 4;

  @Test
  void directReadsAndWritesAllocateNothing() throws Exception {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (FakeServer server = new FakeServer();
        SelkieClient client =
            SelkieClient.connect("127.0.0.1", server.port(), ClientOptions.defaults());
        Arena arena = Arena.ofShared()) {
      server.state().addFile("a", new byte[1 << 20]);
      MemorySegment page = arena.allocate(4096, 4096);
      try (DirectFile file = client.open("/a", DirectMode.REQUIRE, StandardOpenOption.WRITE)) {
        run(file, page, WARM_UP);
        double each = Double.MAX_VALUE;
        // When the machine is busy the compiler comes late: it is measured again.
        for (int i = 0; i < ROUNDS_MAX && each >= BYTES_MAX; i++) {
          long before = threads.getCurrentThreadAllocatedBytes();
          run(file, page, MEASURED);
          each = (threads.getCurrentThreadAllocatedBytes() - before) / (2.0 * MEASURED);
        }
        // What the measurement itself takes is spread over the operations.
        assertThat(each).as("bytes an operation").isLessThan(BYTES_MAX);
      }
    }
  }

  private static void run(DirectFile file, MemorySegment page, int times) throws Exception {
    for (int i = 0; i < times; i++) {
      long position = (i & 0xFF) * 4096L;
      file.write(page, position);
      file.read(page, position);
    }
  }
}
