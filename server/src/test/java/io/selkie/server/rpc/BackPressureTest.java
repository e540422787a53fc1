package io.selkie.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.server.compound.Workers;
import io.selkie.server.session.SessionLimits;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.ManualTime;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestOps;
import io.selkie.server.testing.TestOps.Gate;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: what one connection can take from the server is bounded, and others do not notice. Method:
 * small limits, and clients that do what such clients do.
 */
@Timeout(120)
class BackPressureTest {

  private static final int IN_FLIGHT_MAX = 4;
  private static final int REPLY_BYTES = 256 * 1024;
  private static final RpcLimits LIMITS =
      new RpcLimits(
          (1 << 20) + 8192,
          (1 << 20) + 8192,
          IN_FLIGHT_MAX,
          4,
          1 << 20,
          512L << 20,
          8,
          Duration.ofSeconds(30),
          Duration.ofSeconds(3600),
          Duration.ofSeconds(30),
          Duration.ofSeconds(30),
          Duration.ofSeconds(60));

  private final ManualTime time = new ManualTime();
  private final Gate gate = new Gate();
  private TestServer server;
  private Nfs41TestClient client;
  private TestSession session;

  @BeforeEach
  void open() throws IOException {
    server =
        new TestServer(
            LIMITS,
            SessionLimits.DEFAULT,
            time,
            time,
            new Workers(2, 64),
            c -> 0,
            gate,
            TestOps.read());
    client = server.connect();
    session = TestSession.open(client, "back-pressure");
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  private static long directBytes() {
    return ((ByteBufAllocatorMetricProvider) ByteBufAllocator.DEFAULT).metric().usedDirectMemory();
  }

  private void stillServesOthers() throws IOException {
    try (Nfs41TestClient other = server.connect()) {
      assertThat(other.callProcedure(0).header().isSuccess()).isTrue();
    }
  }

  @Test
  void requestsBeyondTheLimitStayUnreadUntilOneIsAnswered() throws Exception {
    int requests = 12;
    List<CompletableFuture<CompoundReply>> replies = new ArrayList<>();
    for (int slot = 0; slot < requests; slot++) {
      replies.add(client.send(Gate.commit(session.next(slot, false))));
    }
    List<CompletableFuture<Integer>> running = new ArrayList<>();
    for (int i = 0; i < IN_FLIGHT_MAX; i++) {
      running.add(gate.await());
    }
    for (int i = 0; i < 20; i++) {
      stillServesOthers();
    }
    assertThat(gate.executions()).isEqualTo(IN_FLIGHT_MAX);
    for (int i = 0; i < requests; i++) {
      running.removeFirst().complete(NfsStat4.NFS4_OK);
      if (i < requests - IN_FLIGHT_MAX) {
        running.add(gate.await());
        assertThat(gate.executions()).isEqualTo(IN_FLIGHT_MAX + i + 1);
      }
    }
    for (CompletableFuture<CompoundReply> reply : replies) {
      assertThat(Nfs41TestClient.await(reply).status()).isEqualTo("NFS4_OK");
    }
  }

  @Test
  void clientThatNeverReadsCostsBoundedMemoryAndIsClosed() throws Exception {
    long before = directBytes();
    long bound = before + LIMITS.outboundBytesHigh() + (IN_FLIGHT_MAX + 4L) * 4 * REPLY_BYTES;
    AtomicInteger sent = new AtomicInteger();
    try (Nfs41TestClient greedy = Nfs41TestClient.connectWithoutReading(server.address())) {
      client.call(session.next(0, false));
      Thread writer =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  for (int i = 0; i < 100_000; i++) {
                    Compound compound = session.next(1 + i % 32, false);
                    greedy.send(TestOps.read(compound, REPLY_BYTES));
                    sent.incrementAndGet();
                  }
                } catch (UncheckedIOException e) {
                  // The server closed the connection, which is what this test is about.
                }
              });
      long highest = 0;
      int seen = -1;
      while (writer.isAlive()) {
        stillServesOthers();
        highest = Math.max(highest, directBytes());
        // Time goes on only while nothing moves: the server has stopped reading.
        if (sent.get() == seen) {
          time.pass(1, TimeUnit.SECONDS);
          // Renews the lease, which is no part of this.
          client.call(session.next(0, false));
        }
        seen = sent.get();
      }
      assertThat(sent.get()).isBetween(4, 99_999);
      assertThat(highest).isLessThan(bound);
      writer.join();
    }
    assertThat(client.call(session.next(0, false)).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void slowReaderGetsEverythingInTheEnd() throws Exception {
    List<CompletableFuture<CompoundReply>> replies = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      replies.add(client.send(TestOps.read(session.next(i, false), REPLY_BYTES)));
    }
    for (CompletableFuture<CompoundReply> reply : replies) {
      assertThat(Nfs41TestClient.await(reply).status()).isEqualTo("NFS4_OK");
    }
  }

  @Test
  void connectionsBeyondTheLimitAreClosed() throws Exception {
    int beyond = 4;
    CountDownLatch refused = new CountDownLatch(beyond);
    List<Nfs41TestClient> many = new ArrayList<>();
    try {
      // One is open already. Which of the others are too many depends on the event loops.
      for (int i = 1; i < LIMITS.connectionsMax() + beyond; i++) {
        Nfs41TestClient next = server.connect();
        next.closedByServer().thenRun(refused::countDown);
        many.add(next);
      }
      assertThat(refused.await(Nfs41TestClient.TIMEOUT_SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(client.call(session.next(0, false)).status()).isEqualTo("NFS4_OK");
    } finally {
      many.forEach(Nfs41TestClient::close);
    }
  }

  @Test
  void whoVanishesWithRequestsUnderWayLeavesTheSlotsReplyBehind() throws Exception {
    CompletableFuture<Integer> execution;
    Compound request = Gate.commit(session.next(3, true));
    try (Nfs41TestClient vanishing = server.connect()) {
      vanishing.call(Compound.of().bind(session.id(), SessionConst4.CDFC4_FORE));
      vanishing.send(request);
      execution = gate.await();
    }
    stillServesOthers();
    execution.complete(NfsStat4.NFS4_OK);
    CompoundReply retry = null;
    do {
      retry = client.call(Gate.commit(session.again(3, true)));
    } while (retry.status().equals("NFS4ERR_DELAY"));
    assertThat(retry.status()).isEqualTo("NFS4_OK");
    assertThat(gate.executions()).isEqualTo(1);
  }
}
