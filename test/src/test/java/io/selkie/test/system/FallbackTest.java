package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.FallbackReason;
import io.selkie.client.RecallBehaviour;
import io.selkie.client.SelkieClient;
import io.selkie.config.time.NanoClock;
import io.selkie.test.support.OtherProcess;
import io.selkie.test.support.ServerProcess;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * Goal: a client that is fenced goes on through the server with nothing lost and nothing doubled.
 *
 * <p>Method: several threads write block after block with a growing version; the one that was
 * acknowledged last must be what the file holds. An older version would be a write that landed
 * after its repetition, a newer one cannot be.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FallbackTest {

  private static final int BLOCK_BYTES = 16 << 10;
  private static final int BLOCKS_EACH = 16;
  private static final int THREADS = 4;
  private static final int FENCES = 3;

  private ServerUnderTest tested;
  private ServerProcess server;

  @BeforeAll
  void start() throws Exception {
    tested =
        ServerUnderTest.start(
            """
            layout:
              recallTimeoutMillis: 250
              fenceBudgetMillis: 500
            """);
    server = tested.server();
  }

  @AfterEach
  void serverIsSound() throws Exception {
    tested.assertSound();
  }

  @AfterAll
  void stop() throws Exception {
    tested.close();
  }

  @Test
  void writesInFlightAtAFenceGoThroughTheServerWithNothingLostOrDoubled() throws Exception {
    Path path = server.export().resolve("fought-over");
    int size = THREADS * BLOCKS_EACH * BLOCK_BYTES;
    Files.write(path, new byte[size]);
    ClientOptions stubborn =
        ClientOptions.defaults()
            .withDirectMode(DirectMode.PREFER)
            .withRetryLayoutMillis(100)
            .withRecallBehaviour(RecallBehaviour.never());
    AtomicBoolean over = new AtomicBoolean();
    int[][] acknowledged = new int[THREADS][BLOCKS_EACH];
    try (SelkieClient client = Clients.connect(server, stubborn);
        DirectFile file = Clients.open(client, server, "fought-over");
        ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
      CountDownLatch underWay = new CountDownLatch(THREADS);
      List<Future<?>> writers = new ArrayList<>();
      for (int t = 0; t < THREADS; t++) {
        int thread = t;
        writers.add(
            threads.submit(() -> {
              for (int version = 1; !over.get(); version++) {
                for (int block = 0; block < BLOCKS_EACH; block++) {
                  Clients.write(file, position(thread, block), content(thread, block, version));
                  acknowledged[thread][block] = version;
                }
                underWay.countDown();
              }
              return null;
            }));
      }
      assertThat(underWay.await(60, TimeUnit.SECONDS)).isTrue();
      for (int i = 0; i < FENCES; i++) {
        OtherProcess.Outcome outcome =
            OtherProcess.truncate(NanoClock.system(), path, size)
                .outcome()
                .get(40, TimeUnit.SECONDS);
        assertThat(outcome.succeeded()).as(outcome.output()).isTrue();
      }
      over.set(true);
      for (Future<?> writer : writers) {
        writer.get(60, TimeUnit.SECONDS);
      }
      file.sync();
      assertThat(client.counters().get(Counter.FENCES)).as("fences").isPositive();
      assertThat(client.counters().get(Counter.DIRECT_WRITES)).as("direct writes").isPositive();
      assertThat(client.counters().get(Counter.NFS_WRITES)).as("NFS writes").isPositive();
      assertThat(client.counters().fallbacks(FallbackReason.FENCED)).as("fallbacks").isPositive();
    }
    byte[] all = Files.readAllBytes(path);
    for (int thread = 0; thread < THREADS; thread++) {
      for (int block = 0; block < BLOCKS_EACH; block++) {
        ByteBuffer found = ByteBuffer.wrap(all, position(thread, block), BLOCK_BYTES).slice();
        assertThat(found)
            .as("block %d of thread %d", block, thread)
            .isEqualTo(ByteBuffer.wrap(content(thread, block, acknowledged[thread][block])));
      }
    }
  }

  @Test
  void clientThatDiesInTheMiddleOfWritesHoldsNobodyUpForLong() throws Exception {
    Path path = Files.write(server.export().resolve("orphan"), new byte[1 << 20]);
    SelkieClient dying = Clients.connect(server, ClientOptions.defaults());
    DirectFile file = Clients.open(dying, server, "orphan");
    Clients.write(file, 0, content(1, 1, 1));
    assertThat(KernelLeases.on(path)).hasSize(1);
    dying.abandon();
    OtherProcess.Outcome outcome =
        OtherProcess.truncate(NanoClock.system(), path, BLOCK_BYTES)
            .outcome()
            .get(40, TimeUnit.SECONDS);
    assertThat(outcome.succeeded()).isTrue();
    assertThat(TimeUnit.NANOSECONDS.toMillis(outcome.endedNanos() - outcome.startedNanos()))
        .as("milliseconds")
        .isLessThan(35_000);
    assertThat(path).hasBinaryContent(content(1, 1, 1));
  }

  private static int position(int thread, int block) {
    return (thread * BLOCKS_EACH + block) * BLOCK_BYTES;
  }

  private static byte[] content(int thread, int block, int version) {
    ByteBuffer content = ByteBuffer.allocate(BLOCK_BYTES);
    while (content.hasRemaining()) {
      content.putInt(thread).putInt(block).putInt(version).putInt(content.position());
    }
    return content.array();
  }
}
