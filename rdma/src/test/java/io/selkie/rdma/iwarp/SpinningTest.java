package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePair.PostResult;
import io.selkie.rdma.WorkStatus;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: who waits by spinning, without end, still sends what the socket did not take at once. */
@Timeout(300)
class SpinningTest {

  private static final int WRITES = 64;

  @Test
  void manyLongWritesGoOutWhileTheirSenderSpins() throws Exception {
    try (Server server = new Server();
        IwarpProvider client = new IwarpProvider(IwarpConfig.DEFAULTS)) {
      var domain = client.allocateProtectionDomain("client");
      MemorySegment local = server.arena.allocate(512 << 10);
      MemoryRegion region = domain.register(local, Set.of());
      QueuePair pair =
          client.connect(
              server.address(),
              domain,
              new ConnectOptions(
                  ByteBuffer.allocate(0), 2 * WRITES, WRITES, Long.MAX_VALUE, 60_000));
      for (int i = 0; i < WRITES; i++) {
        assertThat(pair.postWriteAndConfirm(region, local, server.key(), server.base(), i))
            .isEqualTo(PostResult.POSTED);
      }
      List<WorkStatus> ended = new ArrayList<>();
      while (ended.size() < WRITES) {
        pair.completions()
            .await((_, status) -> ended.add(status), WRITES, TimeUnit.SECONDS.toNanos(60));
      }
      assertThat(ended).containsOnly(WorkStatus.SUCCESS);
    }
  }
}
