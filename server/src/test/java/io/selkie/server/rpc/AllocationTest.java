package io.selkie.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestOps;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a small request costs the server next to no heap. Method: the JVM's own count of what the
 * server's threads allocate, over many requests in steady state.
 */
@Timeout(120)
class AllocationTest {

  private static final int WARM_UP = 8_000;
  private static final int MEASURED = 4_000;
  private static final long BYTES_MAX = 1024;

  /** When the machine is busy the compiler comes late: it is measured again. */
  private static final int ROUNDS_MAX = 10;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private static long serverBytes() {
    long sum = 0;
    for (long id : THREADS.getAllThreadIds()) {
      ThreadInfo info = THREADS.getThreadInfo(id);
      if (info != null && info.getThreadName().startsWith("nfs-")) {
        sum += THREADS.getThreadAllocatedBytes(id);
      }
    }
    return sum;
  }

  private static long bytesPerRequest(UnaryOperator<Compound> operations) throws Exception {
    try (TestServer server = TestServer.start(TestOps.putRootFh(), TestOps.read());
        Nfs41TestClient client = server.connect()) {
      TestSession session = TestSession.open(client, "allocation");
      for (int i = 0; i < WARM_UP; i++) {
        client.call(operations.apply(session.next(0, false)));
      }
      long each = Long.MAX_VALUE;
      for (int round = 0; round < ROUNDS_MAX && each > BYTES_MAX; round++) {
        long before = serverBytes();
        for (int i = 0; i < MEASURED; i++) {
          CompoundReply reply = client.call(operations.apply(session.next(0, false)));
          assertThat(reply.status()).isEqualTo("NFS4_OK");
        }
        each = (serverBytes() - before) / MEASURED;
      }
      return each;
    }
  }

  @Test
  void requestOnTheEventLoopAllocatesLittle() throws Exception {
    long bytes = bytesPerRequest(c -> c.op(NfsOp4.OP_PUTROOTFH));
    assertThat(bytes).isLessThanOrEqualTo(BYTES_MAX);
  }

  @Test
  void requestOnAWorkerAllocatesLittle() throws Exception {
    long bytes = bytesPerRequest(c -> TestOps.read(c.op(NfsOp4.OP_PUTROOTFH), 4096));
    assertThat(bytes).isLessThanOrEqualTo(BYTES_MAX);
  }
}
