package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: whoever asks for ever more clients and sessions is held to bounds, and those who work
 * notice little of it. Method: hosts of a flood are addresses of this machine.
 */
@Timeout(120)
class FloodedServerTest {

  private static final int FLOODERS = 4;

  /** The status of a new client with a session, or what came before it. */
  private static String makeClient(Nfs41TestClient connection, String owner) {
    CompoundReply exchanged = connection.call(Compound.of().exchangeId(owner, 1, 0));
    String status = exchanged.next(NfsOp4.OP_EXCHANGE_ID);
    if (!status.equals("NFS4_OK")) {
      return status;
    }
    long clientId = exchanged.in().int64();
    int sequence = exchanged.in().int32();
    return connection
        .call(
            Compound.of()
                .createSession(clientId, sequence, 0, TestSession.GENEROUS, TestSession.BACK))
        .next(NfsOp4.OP_CREATE_SESSION);
  }

  @Test
  void oneHostHasItsShareOfClientsAndOthersHaveTheirs() throws Exception {
    try (RestartingServer server = new RestartingServer("maxClients: 10, maxClientsPerHost: 4");
        Nfs41TestClient greedy =
            Nfs41TestClient.connectFrom("127.0.0.2", server.server().nfsAddress());
        Nfs41TestClient other =
            Nfs41TestClient.connectFrom("127.0.0.3", server.server().nfsAddress())) {
      for (int i = 0; i < 4; i++) {
        assertThat(makeClient(greedy, "greedy " + i)).isEqualTo("NFS4_OK");
      }
      assertThat(makeClient(greedy, "greedy 4")).isEqualTo("NFS4ERR_DELAY");
      assertThat(makeClient(greedy, "greedy 3")).as("one that it has").isEqualTo("NFS4_OK");
      assertThat(makeClient(other, "other")).isEqualTo("NFS4_OK");
      assertThat(makeClient(greedy, "greedy 5")).isEqualTo("NFS4ERR_DELAY");
      assertThat(server.server().sessions().clients()).hasSize(5);
    }
  }

  /** New clients and sessions, one after the other, until it is told to stop; how many tries. */
  private static long flood(
      RestartingServer server, int index, CountDownLatch underWay, AtomicBoolean stop)
      throws IOException {
    long tries = 0;
    try (Nfs41TestClient connection =
        Nfs41TestClient.connectFrom("127.0.1." + (index + 1), server.server().nfsAddress())) {
      while (!stop.get()) {
        // Every other one is left without a session.
        if (tries % 2 == 0) {
          assertThat(makeClient(connection, "flood " + index + " " + tries))
              .isIn("NFS4_OK", "NFS4ERR_DELAY", "NFS4ERR_NOSPC");
        } else {
          connection.call(Compound.of().exchangeId("flood " + index + " " + tries, 1, 0));
        }
        tries++;
        underWay.countDown();
      }
    }
    return tries;
  }

  @Test
  void floodFromSeveralHostsIsBoundedAndOthersGoOn() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(FLOODERS);
    AtomicBoolean stop = new AtomicBoolean();
    try (RestartingServer server = new RestartingServer("maxClientsPerHost: 64")) {
      Files.write(server.export().resolve("file"), new byte[4096]);
      FileCalls bystander = server.client("bystander");
      byte[] handle = bystander.handleOf("data", "file");
      FileCalls.Opened opened =
          bystander.open(bystander.handleOf("data"), "file", FileCalls.BOTH, FileCalls.DENY_NONE);
      Latencies.Round round =
          () -> {
            assertThat(bystander.attributes(handle).size()).isEqualTo(4096);
            assertThat(bystander.read(handle, opened.stateid(), 0, 4096).bytes()).hasSize(4096);
          };
      long before = Latencies.p99Nanos(round);
      CountDownLatch underWay = new CountDownLatch(FLOODERS * 100);
      List<Future<Long>> floods = new ArrayList<>();
      for (int i = 0; i < FLOODERS; i++) {
        int index = i;
        floods.add(threads.submit(() -> flood(server, index, underWay, stop)));
      }
      assertThat(underWay.await(60, TimeUnit.SECONDS)).as("the flood has come").isTrue();
      long now = Latencies.p99Nanos(round);
      stop.set(true);
      for (Future<Long> flood : floods) {
        assertThat(flood.get(60, TimeUnit.SECONDS)).isPositive();
      }
      assertThat(server.server().sessions().clients())
          .as("clients of the flood and one that works")
          .hasSizeLessThanOrEqualTo(1 + FLOODERS * (64 + 256));
      Latencies.assertBounded("a bystander of a flood", before, now);
      assertThat(makeClient(bystander.connection(), "late")).isEqualTo("NFS4_OK");
    } finally {
      stop.set(true);
      threads.shutdownNow();
    }
  }
}
