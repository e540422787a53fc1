package io.selkie.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.server.compound.Workers;
import io.selkie.server.session.SessionLimits;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.ManualTime;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestOps;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: all connections together cannot take more memory than the budget, and who takes little goes
 * on. Method: a small budget, and peers that each stay within the limits of one connection.
 */
@Timeout(120)
class MemoryBudgetTest {

  private static final int BUDGET_BYTES = 8 << 20;
  private static final int REPLY_BYTES = 256 * 1024;
  private static final int RUDE_PEERS = 24;

  /** Pages that the pool holds beyond what is asked of it, and what threads cache. */
  private static final long POOL_SLACK_BYTES = 48L << 20;

  private final ManualTime time = new ManualTime();
  private final List<Nfs41TestClient> rude = new ArrayList<>();
  private TestServer server;
  private Nfs41TestClient client;
  private TestSession session;

  @BeforeEach
  void open() throws IOException {
    RpcLimits usual = RpcLimits.DEFAULT;
    RpcLimits limits =
        new RpcLimits(
            usual.requestBytesMax(),
            usual.replyBytesMax(),
            usual.inFlightMax(),
            usual.callsMax(),
            usual.outboundBytesHigh(),
            BUDGET_BYTES,
            usual.connectionsMax(),
            usual.handshakeTimeout(),
            usual.unneededTimeout(),
            usual.recordTimeout(),
            usual.sendTimeout(),
            usual.deadPeerTimeout());
    server =
        new TestServer(
            limits,
            SessionLimits.DEFAULT,
            time,
            time,
            new Workers(2, 4096),
            c -> 0,
            TestOps.read(),
            TestOps.write());
    client = server.connect();
    session = TestSession.open(client, "polite");
  }

  @AfterEach
  void close() {
    client.close();
    rude.forEach(Nfs41TestClient::close);
    server.close();
  }

  private static long directBytes() {
    return ((ByteBufAllocatorMetricProvider) ByteBufAllocator.DEFAULT).metric().usedDirectMemory();
  }

  /** A peer that asks for as much as it may and takes nothing of it. */
  private void beRude(int number, CountDownLatch go, CountDownLatch stuck) throws IOException {
    TestSession own;
    try (Nfs41TestClient opener = server.connect()) {
      own = TestSession.open(opener, "rude-" + number);
      Nfs41TestClient peer = Nfs41TestClient.connectWithoutReading(server.address());
      rude.add(peer);
      peer.send(Compound.of().bind(own.id(), SessionConst4.CDFC4_FORE));
      Thread.ofVirtual()
          .start(() -> {
            try {
              // All have their sessions before the first takes memory: who comes later may wait.
              go.await();
              for (int i = 0; i < 60; i++) {
                peer.send(TestOps.read(own.next(1 + i, false), REPLY_BYTES));
              }
              stuck.countDown();
              for (int i = 0; i < 100_000; i++) {
                peer.send(TestOps.read(own.again(1, false), REPLY_BYTES));
              }
            } catch (UncheckedIOException | InterruptedException e) {
              // Closed by the server or at the end of the test.
              stuck.countDown();
            }
          });
    }
  }

  /** A request for little, until it is done: at worst the server asks to come back. */
  private void stillServesThePolite() {
    for (int i = 0; i < 20; i++) {
      assertThat(client.call(TestOps.read(session.next(0, false), 4096)).status())
          .isEqualTo("NFS4_OK");
    }
  }

  @Test
  void manyRudePeersTakeNoMoreThanTheBudgetAndOthersGoOn() throws Exception {
    long before = directBytes();
    CountDownLatch go = new CountDownLatch(1);
    CountDownLatch stuck = new CountDownLatch(RUDE_PEERS);
    for (int i = 0; i < RUDE_PEERS; i++) {
      beRude(i, go, stuck);
    }
    go.countDown();
    long highest = 0;
    long most = 0;
    while (!stuck.await(1, TimeUnit.MILLISECONDS)) {
      stillServesThePolite();
      highest = Math.max(highest, directBytes());
      most = Math.max(most, server.rpc().bufferBytes());
    }
    for (int i = 0; i < 20; i++) {
      stillServesThePolite();
      highest = Math.max(highest, directBytes());
      most = Math.max(most, server.rpc().bufferBytes());
    }
    assertThat(most).as("charged").isBetween(BUDGET_BYTES / 4L, BUDGET_BYTES * 5L / 4);
    assertThat(highest - before).as("allocated").isLessThan(BUDGET_BYTES + POOL_SLACK_BYTES);
    // Who does not read is closed, and everything comes back.
    for (Nfs41TestClient peer : rude) {
      peer.close();
    }
    awaitEmpty();
  }

  private void awaitEmpty() {
    // Each round trip lets the event loops go round; the test's time-out ends a wait in vain.
    while (server.rpc().bufferBytes() > 16 * 1024) {
      stillServesThePolite();
    }
  }

  @Test
  void whoHadToWaitForBytesGoesOnWhenTheyComeBack() throws Exception {
    List<Nfs41TestClient> connections = new ArrayList<>();
    List<CompletableFuture<CompoundReply>> replies = new ArrayList<>();
    byte[] data = new byte[1 << 20];
    try {
      for (int i = 0; i < 16; i++) {
        Nfs41TestClient connection = server.connect();
        connections.add(connection);
        TestSession own = TestSession.open(connection, "writer-" + i);
        CompletableFuture<CompoundReply> last = new CompletableFuture<>();
        replies.add(last);
        Thread.ofVirtual()
            .start(() -> {
              try {
                for (int slot = 0; slot < 7; slot++) {
                  connection.send(TestOps.write(own.next(slot, false), data));
                }
                last.complete(
                    Nfs41TestClient.await(
                        connection.send(TestOps.write(own.next(7, false), data))));
              } catch (RuntimeException | AssertionError e) {
                last.completeExceptionally(e);
              }
            });
      }
      for (CompletableFuture<CompoundReply> reply : replies) {
        assertThat(Nfs41TestClient.await(reply).status()).isEqualTo("NFS4_OK");
      }
    } finally {
      connections.forEach(Nfs41TestClient::close);
    }
    awaitEmpty();
  }

  @Test
  void announcedLengthTakesNothingUntilTheBytesCome() throws Exception {
    for (int i = 0; i < RUDE_PEERS; i++) {
      Nfs41TestClient peer = Nfs41TestClient.connectWithoutReading(server.address());
      rude.add(peer);
      peer.sendRaw(new byte[] {(byte) 0x80, 0x0F, (byte) 0xFF, 0}, 0, 4);
      peer.sendRaw(new byte[1000], 0, 1000);
    }
    stillServesThePolite();
    assertThat(server.rpc().bufferBytes()).isLessThan(RUDE_PEERS * 128L * 1024);
    assertThat(client.call(TestOps.write(session.next(1, false), new byte[1 << 20])).status())
        .isEqualTo("NFS4_OK");
  }

  @Test
  void shareThatNeedsLeastIsWokenFirstAndPassesOn() {
    MemoryBudget budget = new MemoryBudget(1000);
    List<String> woken = new ArrayList<>();
    MemoryBudget.Share holder = budget.share(1, () -> woken.add("holder"));
    MemoryBudget.Share[] shares = new MemoryBudget.Share[2];
    shares[0] =
        budget.share(
            2,
            () -> {
              woken.add("large");
              budget.passOn();
            });
    shares[1] =
        budget.share(
            3,
            () -> {
              woken.add("small");
              budget.passOn();
            });
    shares[0].take(100);
    holder.take(900);
    shares[0].await(false);
    shares[1].await(false);
    assertThat(woken).isEmpty();
    holder.give(50);
    assertThat(woken).containsExactly("small");
    holder.give(400);
    assertThat(woken).containsExactly("small", "large");
    assertThat(budget.free()).isEqualTo(450);
  }

  @Test
  void bytesThatComeBackBeforeTheWaitStillWake() {
    MemoryBudget budget = new MemoryBudget(1000);
    List<String> woken = new ArrayList<>();
    MemoryBudget.Share share = budget.share(1, () -> woken.add("woken"));
    share.await(false);
    assertThat(woken).containsExactly("woken");
  }
}
