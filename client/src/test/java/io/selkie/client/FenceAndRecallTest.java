package io.selkie.client;

import static io.selkie.client.SelkieClientTest.random;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.fake.FakeFile;
import io.selkie.client.fake.FakeServer;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: recalls are answered in order, and after a fence no byte is lost or doubled. */
@Timeout(120)
class FenceAndRecallTest {
  private FakeServer server;
  private SelkieClient client;

  @BeforeEach
  void start() throws Exception {
    server = new FakeServer();
    connect(ClientOptions.defaults());
  }

  private void connect(ClientOptions options) throws Exception {
    client = SelkieClient.connect("127.0.0.1", server.port(), options);
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  private void awaitReturn(FakeFile file) throws Exception {
    server.awaitLog("LAYOUTRETURN");
    synchronized (server.state()) {
      assertThat(file.hasLayout()).isFalse();
    }
  }

  @Test
  void aRecallIsAnsweredAndTheLayoutCommittedAndReturned() throws Exception {
    FakeFile stored = server.state().addFile("a", new byte[65536]);
    try (DirectFile file = client.open("/a", DirectMode.REQUIRE, StandardOpenOption.WRITE)) {
      file.write(MemorySegment.ofArray(random(4096, 1)), 8192);
      assertThat(FakeServer.await(server.recall(stored, 0, -1))).isEqualTo(NfsStat4.NFS4_OK);
      awaitReturn(stored);
      assertThat(server.log().indexOf("LAYOUTCOMMIT 8192+4096"))
          .isNotNegative()
          .isLessThan(server.log().indexOf("LAYOUTRETURN"));
      file.write(MemorySegment.ofArray(random(4096, 2)), 8192);
      assertThat(client.counters().get(Counter.LAYOUTS_GRANTED)).isEqualTo(2);
    }
    assertThat(Arrays.copyOfRange(stored.content(), 8192, 12288)).isEqualTo(random(4096, 2));
  }

  @Test
  void aRecallOfPartTakesWholeExtentsAndLeavesTheRest() throws Exception {
    FakeFile stored = server.state().addFile("p", random(65536, 3));
    byte[] got = new byte[4096];
    try (DirectFile file = client.open("/p", DirectMode.REQUIRE)) {
      file.read(MemorySegment.ofArray(got), 0);
      FakeServer.await(server.recall(stored, 60_000, -1));
      server.awaitLog("LAYOUTRETURN");
      file.read(MemorySegment.ofArray(got), 4096);
      assertThat(client.counters().get(Counter.LAYOUTS_GRANTED)).isEqualTo(1);
      file.read(MemorySegment.ofArray(got), 61_440);
      assertThat(client.counters().get(Counter.LAYOUTS_GRANTED)).isEqualTo(2);
    }
    assertThat(got).isEqualTo(Arrays.copyOfRange(stored.content(), 61_440, 65_536));
    assertThat(client.counters().nfsBytes()).isZero();
  }

  @Test
  void aRecallOfWhatIsNotHeldIsSaidToMatchNothing() throws Exception {
    FakeFile stored = server.state().addFile("n", new byte[100]);
    var status =
        server.callBack(out -> {
          out.int32(NfsCbOp4.OP_CB_LAYOUTRECALL);
          out.int32(0x80000006);
          out.int32(3);
          out.bool(false);
          out.int32(1);
          out.opaque(stored.handle().bytes());
          out.int64(0);
          out.int64(-1);
          Stateids.encode(out, new Stateid4(2, 1, 1));
        });
    assertThat(FakeServer.await(status)).isEqualTo(NfsStat4.NFS4ERR_NOMATCHING_LAYOUT);
  }

  @Test
  void aBulkRecallReturnsEveryFile() throws Exception {
    FakeFile one = server.state().addFile("one", new byte[100]);
    FakeFile two = server.state().addFile("two", new byte[100]);
    try (DirectFile a = client.open("/one", DirectMode.REQUIRE);
        DirectFile b = client.open("/two", DirectMode.REQUIRE)) {
      a.read(MemorySegment.ofArray(new byte[10]), 0);
      b.read(MemorySegment.ofArray(new byte[10]), 0);
      var status =
          server.callBack(out -> {
            out.int32(NfsCbOp4.OP_CB_LAYOUTRECALL);
            out.int32(0x80000006);
            out.int32(3);
            out.bool(false);
            out.int32(3);
          });
      assertThat(FakeServer.await(status)).isEqualTo(NfsStat4.NFS4_OK);
      server.awaitLogCount("LAYOUTRETURN", 3);
      assertThat(one.hasLayout()).isFalse();
      assertThat(two.hasLayout()).isFalse();
    }
  }

  @Test
  void aRetriedCallbackGetsTheReplyOfTheFirst() throws Exception {
    FakeFile stored = server.state().addFile("r", new byte[100]);
    try (DirectFile file = client.open("/r", DirectMode.REQUIRE)) {
      file.read(MemorySegment.ofArray(new byte[10]), 0);
      SessionId4 session = server.state().session();
      assertThat(FakeServer.await(server.recall(stored, 0, -1))).isEqualTo(NfsStat4.NFS4_OK);
      awaitReturn(stored);
      var retry = server.callBack(session, 1, out -> out.int32(NfsCbOp4.OP_CB_ILLEGAL));
      assertThat(FakeServer.await(retry)).isEqualTo(NfsStat4.NFS4_OK);
      var skipped = server.callBack(session, 7, out -> out.int32(NfsCbOp4.OP_CB_ILLEGAL));
      assertThat(FakeServer.await(skipped)).isEqualTo(NfsStat4.NFS4ERR_SEQ_MISORDERED);
      var foreign =
          server.callBack(new SessionId4(1, 1), 1, out -> out.int32(NfsCbOp4.OP_CB_ILLEGAL));
      assertThat(FakeServer.await(foreign)).isEqualTo(NfsStat4.NFS4ERR_BADSESSION);
    }
  }

  @Test
  void recallsInTheMiddleOfIoLoseNothing() throws Exception {
    FakeFile stored = server.state().addFile("m", new byte[1 << 20]);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    CountDownLatch started = new CountDownLatch(1);
    AtomicInteger recalls = new AtomicInteger();
    byte[] data = random(1 << 20, 4);
    try (DirectFile file = client.open("/m", DirectMode.PREFER, StandardOpenOption.WRITE)) {
      Thread writer =
          Thread.ofPlatform()
              .start(() -> {
                try (Arena arena = Arena.ofConfined()) {
                  MemorySegment memory = arena.allocate(1 << 20);
                  memory.copyFrom(MemorySegment.ofArray(data));
                  for (int round = 0; round < 2 || recalls.get() == 0; round++) {
                    for (long at = 0; at < 1 << 20; at += 4096) {
                      file.write(memory.asSlice(at, 4096), at);
                      started.countDown();
                    }
                  }
                } catch (Throwable e) {
                  failure.set(e);
                }
              });
      assertThat(started.await(60, TimeUnit.SECONDS)).isTrue();
      while (writer.isAlive()) {
        if (server.state().hasLayout(stored)) {
          FakeServer.await(server.recall(stored, 0, -1));
          recalls.incrementAndGet();
        }
        writer.join(Duration.ofMillis(2));
      }
      assertThat(failure.get()).isNull();
      assertThat(recalls).hasPositiveValue();
    }
    assertThat(stored.content()).isEqualTo(data);
    assertThat(client.counters().get(Counter.RECALLS)).isPositive();
  }

  @Test
  void aFenceInTheMiddleOfWritesLosesAndDoublesNothing() throws Exception {
    FakeFile stored = server.state().addFile("f", new byte[1 << 20]);
    byte[] data = random(1 << 20, 5);
    try (DirectFile file = client.open("/f", DirectMode.PREFER, StandardOpenOption.WRITE)) {
      for (int at = 0; at < 1 << 20; at += 65536) {
        file.write(MemorySegment.ofArray(data).asSlice(at, 65536), at);
        if (at % (4 * 65536) == 0 && server.state().hasLayout(stored)) {
          server.state().fence(stored);
        }
      }
      file.sync();
    }
    assertThat(stored.content()).isEqualTo(data);
    assertThat(client.counters().get(Counter.FENCES)).isPositive();
    assertThat(client.counters().fallbacks(FallbackReason.FENCED)).isPositive();
    assertThat(server.counts()).containsKeys("WRITE", "COMMIT", "FREE_STATEID");
    assertThat(stored.isRevoked()).isFalse();
  }

  @Test
  void aFenceWhereDirectIsRequiredIsAnErrorThatSaysSo() throws Exception {
    connect(ClientOptions.defaults().withRecallBehaviour(RecallBehaviour.never()));
    FakeFile stored = server.state().addFile("q", random(8192, 6));
    byte[] got = new byte[4096];
    try (DirectFile file = client.open("/q", DirectMode.REQUIRE)) {
      file.read(MemorySegment.ofArray(got), 0);
      var recall = server.recall(stored, 0, -1);
      assertThatThrownBy(() -> recall.get(100, TimeUnit.MILLISECONDS))
          .isInstanceOf(TimeoutException.class);
      file.read(MemorySegment.ofArray(got), 0);
      server.state().fence(stored);
      assertThatThrownBy(() -> file.read(MemorySegment.ofArray(got), 0))
          .isInstanceOfSatisfying(
              DirectUnavailableException.class,
              e -> assertThat(e.reason()).isEqualTo(FallbackReason.FENCED));
      assertThat(file.read(MemorySegment.ofArray(got), 0)).isEqualTo(4096);
    }
    assertThat(client.counters().nfsBytes()).isZero();
  }

  @Test
  void revocationIsNoticedByTheFlagsOfAnyCall() throws Exception {
    FakeFile stored = server.state().addFile("z", random(8192, 7));
    try (DirectFile file = client.open("/z", DirectMode.PREFER)) {
      file.read(MemorySegment.ofArray(new byte[100]), 0);
      server.state().fence(stored);
      client.list("/");
      server.awaitLog("FREE_STATEID");
      assertThat(server.state().isRevoked(stored)).isFalse();
      byte[] got = new byte[8192];
      file.read(MemorySegment.ofArray(got), 0);
      assertThat(got).isEqualTo(random(8192, 7));
    }
  }

  @Test
  void aLostQueuePairIsConnectedAgainWhereDirectIsRequired() throws Exception {
    server.state().addFile("k", random(8192, 8));
    byte[] got = new byte[8192];
    try (DirectFile file = client.open("/k", DirectMode.REQUIRE)) {
      file.read(MemorySegment.ofArray(got), 0);
      server.state().dropQueuePairs();
      Arrays.fill(got, (byte) 0);
      assertThat(file.read(MemorySegment.ofArray(got), 0)).isEqualTo(8192);
    }
    assertThat(got).isEqualTo(random(8192, 8));
    assertThat(client.counters().get(Counter.QUEUE_PAIRS)).isEqualTo(2);
    assertThat(client.counters().nfsBytes()).isZero();
  }

  @Test
  void aLostQueuePairFallsBackWhereDirectIsPreferred() throws Exception {
    FakeFile stored = server.state().addFile("j", new byte[8192]);
    try (DirectFile file = client.open("/j", DirectMode.PREFER, StandardOpenOption.WRITE)) {
      file.write(MemorySegment.ofArray(random(8192, 9)), 0);
      server.state().dropQueuePairs();
      file.write(MemorySegment.ofArray(random(8192, 10)), 0);
      assertThat(server.log().lastIndexOf("LAYOUTRETURN"))
          .isLessThan(server.log().indexOf("WRITE 0+8192"));
      file.write(MemorySegment.ofArray(random(4096, 11)), 0);
    }
    byte[] expected = random(8192, 10);
    System.arraycopy(random(4096, 11), 0, expected, 0, 4096);
    assertThat(stored.content()).isEqualTo(expected);
    assertThat(client.counters().fallbacks(FallbackReason.QUEUE_PAIR_LOST)).isEqualTo(1);
  }

  @Test
  void truncationOfItsOwnFileReturnsTheLayoutFirst() throws Exception {
    FakeFile stored = server.state().addFile("u", random(65536, 12));
    try (DirectFile file = client.open("/u", DirectMode.REQUIRE, StandardOpenOption.WRITE)) {
      file.write(MemorySegment.ofArray(random(100, 13)), 0);
      file.setSize(10_000);
      assertThat(server.log().indexOf("LAYOUTRETURN"))
          .isNotNegative()
          .isLessThan(server.log().indexOf("SETATTR"));
      assertThat(file.read(MemorySegment.ofArray(new byte[20_000]), 0)).isEqualTo(10_000);
    }
    assertThat(stored.size()).isEqualTo(10_000);
  }

  /** RFC 8881 section 12.5.5.2.1.2, case 1: the layout is granted, its recall arrives before it. */
  @Test
  void aRecallThatOvertakesTheGrantWaitsForIt() throws Exception {
    FakeFile stored = server.state().addFile("o", random(8192, 14));
    AtomicReference<CompletableFuture<Integer>> recall = new AtomicReference<>();
    server.script(operation -> {
      if (operation.equals("GETATTR") && stored.hasLayout() && recall.get() == null) {
        recall.set(server.recall(stored, 0, -1));
      }
      return FakeServer.PROCEED;
    });
    byte[] got = new byte[8192];
    try (DirectFile file = client.open("/o", DirectMode.REQUIRE)) {
      assertThat(file.read(MemorySegment.ofArray(got), 0)).isEqualTo(8192);
      assertThat(FakeServer.await(recall.get())).isEqualTo(NfsStat4.NFS4_OK);
      server.awaitLog("LAYOUTRETURN");
      assertThat(got).isEqualTo(random(8192, 14));
    }
    assertThat(client.counters().nfsBytes()).isZero();
    assertThat(client.counters().get(Counter.LAYOUTS_GRANTED))
        .isEqualTo(client.counters().get(Counter.LAYOUTS_RETURNED));
  }

  @Test
  void aLateClientReturnsTheLayoutAfterItsDelay() throws Exception {
    try (SelkieClient late =
        SelkieClient.connect(
            "127.0.0.1",
            server.port(),
            ClientOptions.defaults()
                .withRecallBehaviour(RecallBehaviour.late(Duration.ofMillis(200))))) {
      FakeFile stored = server.state().addFile("l", random(100, 15));
      try (DirectFile file = late.open("/l", DirectMode.REQUIRE)) {
        file.read(MemorySegment.ofArray(new byte[100]), 0);
        long recalled = System.nanoTime();
        assertThat(FakeServer.await(server.recall(stored, 0, -1))).isEqualTo(NfsStat4.NFS4_OK);
        server.awaitLog("LAYOUTRETURN");
        assertThat(System.nanoTime() - recalled)
            .isGreaterThanOrEqualTo(TimeUnit.MILLISECONDS.toNanos(200));
      }
    }
  }

  @Test
  void aClientMayRefuseARecallOnPurpose() throws Exception {
    RecallBehaviour.Reaction refuse = new RecallBehaviour.Refuse(NfsStat4.NFS4ERR_DELAY);
    try (SelkieClient rude =
        SelkieClient.connect(
            "127.0.0.1",
            server.port(),
            ClientOptions.defaults().withRecallBehaviour(recall -> refuse))) {
      FakeFile stored = server.state().addFile("x", random(100, 16));
      try (DirectFile file = rude.open("/x", DirectMode.REQUIRE)) {
        file.read(MemorySegment.ofArray(new byte[100]), 0);
        assertThat(FakeServer.await(server.recall(stored, 0, -1)))
            .isEqualTo(NfsStat4.NFS4ERR_DELAY);
        assertThat(server.state().hasLayout(stored)).isTrue();
      }
    }
  }
}
