package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.selkie.rdma.CompletionQueue;
import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.WorkStatus;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: no allocation per direct operation in steady state, on either side.
 *
 * <p>Method: the JVM's own count of octets allocated by each thread, over thousands of operations
 * after a warm-up. A few octets an operation are let pass for what the JVM does now and then.
 */
@Timeout(900)
class AllocationTest {

  private static final int OPERATIONS = 20_000;
  private static final double BYTES_PER_OPERATION_MAX = 2;

  /** When the machine is busy the compiler comes late: it is measured again. */
  private static final int ROUNDS_MAX = 10;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private interface Operation {
    void post(QueuePair pair);
  }

  @Test
  void smallReadsAllocateNothing() throws Exception {
    measure(4096, false);
  }

  @Test
  void smallConfirmedWritesAllocateNothing() throws Exception {
    measure(4096, true);
  }

  @Test
  void largeReadsAllocateNothing() throws Exception {
    measure(512 << 10, false);
  }

  @Test
  void largeConfirmedWritesAllocateNothing() throws Exception {
    measure(512 << 10, true);
  }

  private void measure(int bytes, boolean write) throws Exception {
    try (Server server = new Server();
        IwarpProvider client = new IwarpProvider(IwarpConfig.DEFAULTS)) {
      var domain = client.allocateProtectionDomain("client");
      MemorySegment local = server.arena.allocate(bytes);
      MemoryRegion region = domain.register(local, Set.of());
      QueuePair pair =
          client.connect(
              server.address(),
              domain,
              new ConnectOptions(ByteBuffer.allocate(0), 8, 8, 0, 60_000));
      int key = server.key();
      long base = server.base();
      Operation operation =
          write
              ? qp -> qp.postWriteAndConfirm(region, local, key, base, 1)
              : qp -> qp.postRead(region, local, key, base, 1);
      int count = bytes > 65_536 ? OPERATIONS / 10 : OPERATIONS;
      run(pair, operation, count);
      long serverThread = serverThread();
      double here = Double.MAX_VALUE;
      double there = Double.MAX_VALUE;
      for (int i = 0; i < ROUNDS_MAX && Math.max(here, there) >= BYTES_PER_OPERATION_MAX; i++) {
        long hereBefore = threads.getThreadAllocatedBytes(Thread.currentThread().threadId());
        long thereBefore = threads.getThreadAllocatedBytes(serverThread);
        run(pair, operation, count);
        long hereAfter = threads.getThreadAllocatedBytes(Thread.currentThread().threadId());
        here = (double) (hereAfter - hereBefore) / count;
        there = (double) (threads.getThreadAllocatedBytes(serverThread) - thereBefore) / count;
      }
      assertThat(here).as("client").isLessThan(BYTES_PER_OPERATION_MAX);
      assertThat(there).as("server").isLessThan(BYTES_PER_OPERATION_MAX);
    }
  }

  private static void run(QueuePair pair, Operation operation, int count)
      throws InterruptedException {
    CompletionQueue.Sink sink = AllocationTest::check;
    for (int i = 0; i < count; i++) {
      operation.post(pair);
      assertThatOne(pair.completions().await(sink, 1, 60_000_000_000L));
    }
  }

  private static void check(long id, WorkStatus status) {
    if (status != WorkStatus.SUCCESS) {
      throw new AssertionError("work " + id + " ended as " + status);
    }
  }

  private static void assertThatOne(int given) {
    if (given != 1) {
      throw new AssertionError("no completion");
    }
  }

  /** The one event loop of the server; the last that was started. */
  private long serverThread() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("iwarp-") && thread.isAlive())
        .mapToLong(Thread::threadId)
        .max()
        .orElseThrow();
  }
}
