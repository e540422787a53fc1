package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.SelkieClient;
import io.selkie.config.time.NanoClock;
import io.selkie.test.support.LongRecall;
import io.selkie.test.support.OtherProcess;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.OneSided;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
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

/** Goal: several clients share files, and recalls take from each what they must and no more. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SharingTest {

  private static final int KIB = 1024;
  private static final ClientOptions DIRECT =
      ClientOptions.defaults().withDirectMode(DirectMode.REQUIRE);

  private ServerUnderTest tested;
  private ServerProcess server;

  @BeforeAll
  void start() throws Exception {
    tested = ServerUnderTest.start(LongRecall.config());
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
  void clientsWithOverlappingLayoutsSeeEachOthersBytesAndRecallNothing() throws Exception {
    Path path = Files.write(server.export().resolve("shared"), new byte[128 * KIB]);
    try (SelkieClient one = Clients.connect(server, DIRECT);
        SelkieClient two = Clients.connect(server, DIRECT);
        DirectFile ofOne = Clients.open(one, server, "shared");
        DirectFile ofTwo = Clients.open(two, server, "shared")) {
      Clients.write(ofOne, 0, filled(96 * KIB, '1'));
      Clients.write(ofTwo, 32 * KIB, filled(96 * KIB, '2'));
      assertThat(Clients.read(ofOne, 31 * KIB, 2 * KIB))
          .isEqualTo(concat(filled(KIB, '1'), filled(KIB, '2')));
      Clients.write(ofOne, 40 * KIB + 1, filled(3, '1'));
      assertThat(Clients.read(ofTwo, 40 * KIB, 5)).containsExactly('2', '1', '1', '1', '2');
      for (SelkieClient client : List.of(one, two)) {
        assertThat(client.counters().get(Counter.RECALLS)).as("recalls").isZero();
        assertThat(client.counters().nfsBytes()).as("bytes through NFS").isZero();
      }
    }
    assertThat(Files.readAllBytes(path))
        .startsWith(filled(32 * KIB, '1'))
        .endsWith(filled(80 * KIB, '2'));
  }

  @Test
  void truncationThroughNfsRecallsWhatIsFreedAndGrowthRecallsNothing() throws Exception {
    int half = 512 * KIB;
    Files.write(server.export().resolve("cut"), filled(2 * half, 'c'));
    try (RawNfs holder = RawNfs.connectWithBackChannel(server.nfs(), "holder of two halves");
        SelkieClient other = Clients.connect(server, ClientOptions.defaults());
        DirectFile cut =
            other.open(Clients.path(server, "cut"), DirectMode.NEVER, StandardOpenOption.WRITE);
        ExecutorService threads = Executors.newSingleThreadExecutor()) {
      RawNfs.OpenFile opened = holder.open(server.exportName(), "cut");
      RawNfs.Layout front = holder.layoutGet(opened, opened.stateid(), Op.IOMODE_RW, 0, half);
      RawNfs.Layout back = holder.layoutGet(opened, front.stateid(), Op.IOMODE_RW, half, half);
      assertThat(List.of(front.status(), back.status())).containsOnly(0);

      cut.setSize(4L * half);
      Future<?> cutting =
          threads.submit(() -> {
            cut.setSize(half);
            return null;
          });
      RawNfs.Recall recall = holder.awaitRecall();
      assertThat(recall.offset()).as("first byte recalled").isEqualTo(half);
      assertThat(
              holder
                  .compound(
                      Op.putFh(opened.handle().bytes()),
                      Op.layoutReturn(
                          recall.stateid().bytes(), 3, recall.offset(), recall.length()))
                  .status())
          .as("status of LAYOUTRETURN")
          .isZero();
      cutting.get(60, TimeUnit.SECONDS);

      try (OneSided kept =
          new OneSided(server.rdma(), holder.sessionId(), front.extents().getFirst())) {
        assertThat(kept.read(half - KIB, KIB)).as("what was kept").isEqualTo(filled(KIB, 'c'));
      }
      try (OneSided gone =
          new OneSided(server.rdma(), holder.sessionId(), back.extents().getFirst())) {
        assertThatThrownBy(() -> gone.read(half, 1)).isInstanceOf(IOException.class);
      }
      assertThat(cut.sizeBytes()).isEqualTo(half);
    }
  }

  @Test
  void stormOfRecallsLosesNothingAndFencesNobody() throws Exception {
    int files = 6;
    int breaks = 12;
    int size = 64 * KIB;
    for (int i = 0; i < files; i++) {
      Files.write(server.export().resolve("storm" + i), new byte[size]);
    }
    AtomicBoolean over = new AtomicBoolean();
    CountDownLatch underWay = new CountDownLatch(2 * files);
    ClientOptions flexible = ClientOptions.defaults().withRetryLayoutMillis(5);
    try (SelkieClient one = Clients.connect(server, flexible);
        SelkieClient two = Clients.connect(server, flexible);
        ExecutorService threads = Executors.newCachedThreadPool()) {
      List<Future<Integer>> users = new ArrayList<>();
      for (SelkieClient client : List.of(one, two)) {
        // Each client has a half of each file for itself.
        int at = client == one ? 0 : size / 2;
        for (int i = 0; i < files; i++) {
          String name = "storm" + i;
          users.add(threads.submit(() -> useUntil(over, underWay, client, name, at)));
        }
      }
      assertThat(underWay.await(300, TimeUnit.SECONDS)).as("all files in use").isTrue();
      List<Future<Long>> breakers = new ArrayList<>();
      for (int i = 0; i < files; i++) {
        Path file = server.export().resolve("storm" + i);
        breakers.add(threads.submit(() -> slowestBreak(file, size, breaks)));
      }
      for (Future<Long> breaker : breakers) {
        assertThat(TimeUnit.NANOSECONDS.toMillis(breaker.get(600, TimeUnit.SECONDS)))
            .as("milliseconds of the slowest break")
            .isLessThan(35_000);
      }
      over.set(true);
      for (Future<Integer> user : users) {
        assertThat(user.get(60, TimeUnit.SECONDS)).as("rounds of writing").isPositive();
      }
      assertThat(one.counters().get(Counter.DIRECT_WRITES)).as("direct writes").isPositive();
      assertThat(one.counters().get(Counter.RECALLS) + two.counters().get(Counter.RECALLS))
          .isGreaterThanOrEqualTo(files);
      assertThat(one.counters().get(Counter.FENCES)).isZero();
      assertThat(two.counters().get(Counter.FENCES)).isZero();
    }
  }

  private Integer useUntil(
      AtomicBoolean over, CountDownLatch underWay, SelkieClient client, String name, int at)
      throws Exception {
    int round = 0;
    while (!over.get() || round == 0) {
      // Anew each time: while the other process has the file open it cannot be sealed, and a client
      // that was told so asks again at its next open.
      try (DirectFile file = Clients.open(client, server, name)) {
        for (int i = 0; i < 20; i++) {
          byte[] content = filled(4 * KIB, ++round);
          Clients.write(file, at, content);
          assertThat(Clients.read(file, at, content.length)).isEqualTo(content);
        }
        underWay.countDown();
      }
    }
    return round;
  }

  /** To the size it has: the kernel breaks the lease all the same. */
  private static long slowestBreak(Path file, int size, int breaks) throws Exception {
    long slowest = 0;
    for (int i = 0; i < breaks; i++) {
      OtherProcess.Outcome outcome =
          OtherProcess.truncate(NanoClock.system(), file, size).outcome().get(40, TimeUnit.SECONDS);
      assertThat(outcome.succeeded()).as(outcome.output()).isTrue();
      slowest = Math.max(slowest, outcome.endedNanos() - outcome.startedNanos());
    }
    return slowest;
  }

  private static byte[] filled(int length, int value) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static byte[] concat(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }
}
