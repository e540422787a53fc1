package io.selkie.client;

import static io.selkie.client.SelkieClientTest.random;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.fake.FakeFile;
import io.selkie.client.fake.FakeServer;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.protocol.nfs4.NfsStat4;
import java.lang.foreign.MemorySegment;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: nothing is lost or doubled when connections, sessions and servers go and come back. */
@Timeout(120)
class RecoveryTest {
  private FakeServer server;
  private SelkieClient client;

  @BeforeEach
  void start() throws Exception {
    server = new FakeServer();
  }

  private void connect(ClientOptions options) throws Exception {
    client = SelkieClient.connect("127.0.0.1", server.port(), options);
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  @Test
  void aCallWhoseReplyIsLostIsCarriedOutOnce() throws Exception {
    connect(ClientOptions.defaults());
    server.script(FakeServer.times(1, "CREATE", FakeServer.DROP_REPLY));
    client.makeDirectory("/once");
    assertThat(server.counts().get("CREATE")).isEqualTo(1);
    assertThat(client.status("/once").isDirectory()).isTrue();
    assertThat(client.counters().get(Counter.RECONNECTS)).isEqualTo(1);
  }

  /** Sent twice, as on a slow machine; the server keeps only the replies that it must. */
  @Test
  void whatTheServerHasForgottenTheAnswerToIsAskedAnew() throws Exception {
    server.state().forgetReplies();
    server.script(FakeServer.times(1, "GETATTR", FakeServer.DROP_REPLY));
    connect(ClientOptions.defaults());
    assertThat(client.counters().get(Counter.RECONNECTS)).as("of the lease time").isPositive();
    server.script(FakeServer.times(1, "READDIR", FakeServer.DROP_REPLY));
    assertThat(client.list("/")).isEmpty();
    server.script(FakeServer.times(1, "CREATE", FakeServer.DROP_REPLY));
    client.makeDirectory("/once");
    assertThat(server.counts().get("CREATE")).as("its reply was kept").isEqualTo(1);
  }

  @Test
  void aCallThatNeverArrivedIsSentAgain() throws Exception {
    connect(ClientOptions.defaults());
    server.script(FakeServer.times(3, "REMOVE", FakeServer.DROP_CALL));
    server.state().addFile("x", new byte[1]);
    client.remove("/x");
    assertThat(server.counts().get("REMOVE")).isEqualTo(1);
    assertThat(client.counters().get(Counter.RECONNECTS)).isEqualTo(3);
  }

  @Test
  void silenceBreaksTheConnectionAndTheCallIsSentAgain() throws Exception {
    connect(ClientOptions.defaults().withCallTimeoutMillis(1_000));
    server.script(FakeServer.times(1, "READDIR", FakeServer.SILENCE));
    assertThat(client.list("/")).isEmpty();
    // More than once where the machine is silent, too.
    assertThat(client.counters().get(Counter.RECONNECTS)).isPositive();
  }

  @Test
  void aForgottenSessionIsReplacedAndOpenFilesStayOpen() throws Exception {
    connect(ClientOptions.defaults());
    byte[] data = random(5000, 1);
    server.state().addFile("f", data);
    try (DirectFile file = client.open("/f", DirectMode.NEVER)) {
      server.state().forgetSession();
      byte[] got = new byte[5000];
      assertThat(file.read(MemorySegment.ofArray(got), 0)).isEqualTo(5000);
      assertThat(got).isEqualTo(data);
    }
    assertThat(client.counters().get(Counter.SESSIONS_RECREATED)).isEqualTo(1);
    assertThat(client.counters().get(Counter.STATE_LOSSES)).isZero();
  }

  @Test
  void afterARestartFilesAreReclaimedAndUnstableWritesSentAgain() throws Exception {
    connect(ClientOptions.defaults());
    byte[] data = random(3000, 2);
    try (DirectFile file =
        client.open("/w", DirectMode.NEVER, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
      file.write(MemorySegment.ofArray(data), 0);
      server.state().restart();
      server.state().wipe("w");
      server.dropConnections();
      file.sync();
      assertThat(server.state().file("w").content()).isEqualTo(data);
    }
    assertThat(client.counters().get(Counter.STATE_LOSSES)).isEqualTo(1);
    assertThat(client.counters().get(Counter.NFS_RESENDS)).isEqualTo(1);
    assertThat(server.counts().get("RECLAIM_COMPLETE")).isEqualTo(2);
  }

  @Test
  void aRestartBeforeTheSyncOfADirectWriteIsSaidOnce() throws Exception {
    connect(ClientOptions.defaults());
    server.state().addFile("d", new byte[8192]);
    try (DirectFile file = client.open("/d", DirectMode.REQUIRE, StandardOpenOption.WRITE)) {
      file.write(MemorySegment.ofArray(random(4096, 3)), 4096);
      server.state().restart();
      server.dropConnections();
      assertThatThrownBy(file::sync)
          .isInstanceOfSatisfying(
              DurabilityLostException.class,
              e -> {
                assertThat(e.offset()).isEqualTo(4096);
                assertThat(e.length()).isEqualTo(4096);
              });
      file.write(MemorySegment.ofArray(random(4096, 3)), 4096);
      file.sync();
    }
    assertThat(server.state().file("d").hasLayout()).isFalse();
  }

  @Test
  void aChangedVerifierMeansThatUnstableWritesAreSentAgain() throws Exception {
    connect(ClientOptions.defaults());
    try (DirectFile file =
        client.open("/v", DirectMode.NEVER, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
      file.write(MemorySegment.ofArray(random(2000, 4)), 0);
      file.write(MemorySegment.ofArray(random(2000, 5)), 1000);
      server.state().loseUnstableWrites();
      server.state().wipe("v");
      file.sync();
    }
    byte[] expected = new byte[3000];
    System.arraycopy(random(2000, 4), 0, expected, 0, 2000);
    System.arraycopy(random(2000, 5), 0, expected, 1000, 2000);
    assertThat(server.state().file("v").content()).isEqualTo(expected);
  }

  @Test
  void unstableWritesAreCommittedBeforeTheyTakeTooMuchMemory() throws Exception {
    connect(ClientOptions.defaults().withTransferBytes(64 << 10).withUnstableBytesMax(256 << 10));
    try (DirectFile file =
        client.open("/m", DirectMode.NEVER, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
      file.write(MemorySegment.ofArray(random(2 << 20, 6)), 0);
      assertThat(server.counts().get("COMMIT")).isGreaterThan(4);
    }
  }

  @Test
  void delayIsWaitedOutAndCarriedOutOnce() throws Exception {
    connect(ClientOptions.defaults());
    server.script(FakeServer.times(5, "CREATE", NfsStat4.NFS4ERR_DELAY));
    client.makeDirectory("/later");
    assertThat(client.counters().get(Counter.BACK_OFFS)).isEqualTo(5);
    assertThat(server.counts().get("CREATE")).isEqualTo(1);
  }

  /** Time passes only in pauses, so a storm that never ends is over at once. */
  private static final class PausesOnly implements NanoClock, Timers {
    private final AtomicLong nanos = new AtomicLong();

    @Override
    public long nanoTime() {
      return nanos.get();
    }

    @Override
    public Timer schedule(long delayNanos, Runnable task) {
      if (delayNanos < 1_000_000_000L) {
        nanos.addAndGet(Math.max(0, delayNanos));
        task.run();
      }
      return () -> false;
    }
  }

  @Test
  void aStormOfDelaysEndsAtTheDeadline() throws Exception {
    PausesOnly time = new PausesOnly();
    connect(ClientOptions.defaults().withClock(time).withTimers(time));
    server.script(
        operation -> operation.equals("REMOVE") ? NfsStat4.NFS4ERR_DELAY : FakeServer.PROCEED);
    server.state().addFile("x", new byte[1]);
    assertThatThrownBy(() -> client.remove("/x"))
        .isInstanceOf(ClientTimeoutException.class)
        .hasMessageContaining("NFS4ERR_DELAY");
    assertThat(time.nanos.get()).isBetween(30_000_000_000L, 31_000_000_000L);
    assertThat(client.counters().get(Counter.BACK_OFFS)).isBetween(100L, 400L);
  }

  @Test
  void aStormOfTryLaterEndsAtTheDeadlineWhereDirectIsRequired() throws Exception {
    PausesOnly time = new PausesOnly();
    connect(ClientOptions.defaults().withClock(time).withTimers(time));
    FakeFile stored = server.state().addFile("l", random(100, 7));
    server.script(operation ->
        operation.equals("LAYOUTGET") ? NfsStat4.NFS4ERR_LAYOUTTRYLATER : FakeServer.PROCEED);
    byte[] got = new byte[100];
    try (DirectFile file = client.open("/l", DirectMode.PREFER)) {
      assertThat(file.read(MemorySegment.ofArray(got), 0)).isEqualTo(100);
      assertThat(got).isEqualTo(stored.content());
    }
    try (DirectFile file = client.open("/l", DirectMode.REQUIRE)) {
      assertThatThrownBy(() -> file.read(MemorySegment.ofArray(got), 0))
          .isInstanceOf(ClientTimeoutException.class)
          .hasMessageContaining("LAYOUTTRYLATER");
    }
  }

  @Test
  void aLostOpenIsOpenedAgain() throws Exception {
    connect(ClientOptions.defaults());
    server.state().addFile("o", random(100, 8));
    byte[] got = new byte[100];
    try (DirectFile file = client.open("/o", DirectMode.NEVER)) {
      server.state().forgetOpens();
      assertThat(file.read(MemorySegment.ofArray(got), 0)).isEqualTo(100);
    }
    assertThat(got).isEqualTo(random(100, 8));
  }

  @Test
  void withoutAServerTheErrorComesInTime() throws Exception {
    connect(
        ClientOptions.defaults().withOperationTimeoutMillis(3000).withConnectTimeoutMillis(3000));
    server.close();
    assertThatThrownBy(() -> client.list("/")).isInstanceOf(ClientTimeoutException.class);
  }
}
