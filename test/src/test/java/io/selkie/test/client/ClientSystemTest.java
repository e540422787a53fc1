package io.selkie.test.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.DirectUnavailableException;
import io.selkie.client.FallbackReason;
import io.selkie.client.NfsStatusException;
import io.selkie.client.RecallBehaviour;
import io.selkie.client.SelkieClient;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: the client and the real server keep each other's promises. */
@Timeout(400)
class ClientSystemTest {
  private RealServer server;
  private SelkieClient client;

  @BeforeEach
  void start() throws Exception {
    server = new RealServer();
    client = connect(ClientOptions.defaults());
  }

  /** Starts again: nobody waits long for a client that does not answer. */
  private void restartImpatient() throws Exception {
    stop();
    server = new RealServer(RealServer.SHORT_RECALL_MILLIS);
    client = connect(ClientOptions.defaults());
  }

  private SelkieClient connect(ClientOptions options) throws Exception {
    return SelkieClient.connect("127.0.0.1", server.port(), options);
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  private static byte[] random(int bytes, long seed) {
    byte[] data = new byte[bytes];
    new Random(seed).nextBytes(data);
    return data;
  }

  private static MemorySegment heap(byte[] bytes) {
    return MemorySegment.ofArray(bytes);
  }

  private DirectFile create(SelkieClient by, String name, DirectMode mode) throws Exception {
    return by.open(
        "/data/" + name,
        mode,
        StandardOpenOption.READ,
        StandardOpenOption.WRITE,
        StandardOpenOption.CREATE);
  }

  @Test
  void whatIsWrittenOneSidedIsInTheFileAndReadBackOneSided() throws Exception {
    byte[] data = random(8 << 20, 1);
    try (DirectFile file = create(client, "a", DirectMode.REQUIRE);
        Arena arena = Arena.ofConfined()) {
      file.setSize(data.length);
      file.write(arena.allocate(data.length).copyFrom(heap(data)), 0);
      assertThat(Files.readAllBytes(server.local("a"))).isEqualTo(data);
      file.sync();
      MemorySegment back = arena.allocate(data.length);
      assertThat(file.read(back, 0)).isEqualTo(data.length);
      assertThat(back.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(data);
      assertThat(file.read(back, data.length)).isEqualTo(-1);
    }
    assertThat(client.counters().nfsBytes()).isZero();
    assertThat(client.counters().get(Counter.LAYOUT_COMMITS)).isPositive();
  }

  @Test
  void sizesThatEndWithinABlockReadBackExactly() throws Exception {
    byte[] data = random(10_001, 2);
    try (DirectFile file = create(client, "odd", DirectMode.REQUIRE)) {
      file.write(heap(data), 0);
      byte[] back = new byte[20_000];
      assertThat(file.read(heap(back), 0)).isEqualTo(data.length);
      assertThat(Arrays.copyOf(back, data.length)).isEqualTo(data);
      assertThat(file.sizeBytes()).isEqualTo(data.length);
    }
    assertThat(Files.readAllBytes(server.local("odd"))).isEqualTo(data);
    assertThat(client.counters().nfsBytes()).isZero();
  }

  @Test
  void filesWithHolesReadOneSided() throws Exception {
    RealServer.run("truncate", "-s", "1M", server.local("holes").toString());
    byte[] tail = random(4096, 3);
    try (DirectFile file = client.open("/data/holes", DirectMode.REQUIRE)) {
      byte[] got = new byte[1 << 20];
      got[17] = 1;
      assertThat(file.read(heap(got), 0)).isEqualTo(1 << 20);
      assertThat(got).containsOnly(0);
    }
    try (DirectFile file = create(client, "holes", DirectMode.REQUIRE)) {
      file.write(heap(tail), (1 << 20) - 4096);
    }
    byte[] all = Files.readAllBytes(server.local("holes"));
    assertThat(Arrays.copyOfRange(all, (1 << 20) - 4096, 1 << 20)).isEqualTo(tail);
    assertThat(client.counters().nfsBytes()).isZero();
  }

  @Test
  void anotherProcessThatTruncatesGetsItsWayAtOnce() throws Exception {
    try (DirectFile file = create(client, "t", DirectMode.REQUIRE)) {
      file.setSize(1 << 20);
      file.write(heap(random(1 << 20, 4)), 0);
      server.truncate("t", 5000);
      byte[] got = new byte[10_000];
      assertThat(file.read(heap(got), 0)).isEqualTo(5000);
      assertThat(Arrays.copyOf(got, 5000)).isEqualTo(Arrays.copyOf(random(1 << 20, 4), 5000));
    }
    assertThat(client.counters().get(Counter.RECALLS)).isEqualTo(1);
    assertThat(client.counters().get(Counter.FENCES)).isZero();
    assertThat(client.counters().nfsBytes()).isZero();
  }

  @Test
  void aClientThatNeverAnswersIsFencedAndToldSo() throws Exception {
    restartImpatient();
    try (SelkieClient stubborn =
            connect(ClientOptions.defaults().withRecallBehaviour(RecallBehaviour.never()));
        DirectFile file = create(stubborn, "f", DirectMode.REQUIRE)) {
      file.setSize(1 << 20);
      file.write(heap(random(4096, 5)), 0);
      Duration took = server.truncate("f", 512 << 10);
      assertThat(took).isBetween(Duration.ofMillis(900), Duration.ofSeconds(35));
      assertThatThrownBy(() -> file.write(heap(random(4096, 6)), 4096))
          .isInstanceOfSatisfying(
              DirectUnavailableException.class,
              e -> assertThat(e.reason()).isEqualTo(FallbackReason.FENCED));
      assertThat(Arrays.copyOf(Files.readAllBytes(server.local("f")), 4096))
          .isEqualTo(random(4096, 5));
      file.write(heap(random(4096, 7)), 8192);
      file.sync();
    }
    byte[] all = Files.readAllBytes(server.local("f"));
    assertThat(all).hasSize(512 << 10);
    assertThat(Arrays.copyOfRange(all, 8192, 12_288)).isEqualTo(random(4096, 7));
    assertThat(Arrays.copyOfRange(all, 4096, 8192)).containsOnly(0);
  }

  @Test
  void aFenceDoesNotHurtWhoPrefersDirectAccess() throws Exception {
    restartImpatient();
    try (SelkieClient stubborn =
            connect(ClientOptions.defaults().withRecallBehaviour(RecallBehaviour.never()));
        DirectFile file = create(stubborn, "g", DirectMode.PREFER)) {
      file.setSize(64 << 10);
      file.write(heap(random(4096, 8)), 0);
      server.openForWriting("g");
      file.write(heap(random(4096, 9)), 4096);
      file.sync();
      assertThat(stubborn.counters().fallbacks(FallbackReason.FENCED)).isEqualTo(1);
      assertThat(stubborn.counters().get(Counter.FENCES)).isEqualTo(1);
    }
    byte[] all = Files.readAllBytes(server.local("g"));
    assertThat(Arrays.copyOf(all, 4096)).isEqualTo(random(4096, 8));
    assertThat(Arrays.copyOfRange(all, 4096, 8192)).isEqualTo(random(4096, 9));
  }

  @Test
  void breaksInTheMiddleOfWritesLoseNothing() throws Exception {
    byte[] data = random(1 << 20, 10);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    try (DirectFile file = create(client, "m", DirectMode.PREFER);
        Arena arena = Arena.ofShared()) {
      file.setSize(data.length);
      MemorySegment memory = arena.allocate(data.length).copyFrom(heap(data));
      Thread writer =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  for (int round = 0; round < 3; round++) {
                    for (long at = 0; at < data.length; at += 4096) {
                      file.write(memory.asSlice(at, 4096), at);
                    }
                  }
                } catch (Throwable e) {
                  failure.set(e);
                }
              });
      int breaks = 0;
      while (writer.isAlive() || breaks == 0) {
        server.openForWriting("m");
        breaks++;
      }
      writer.join();
      assertThat(failure.get()).isNull();
      file.sync();
    }
    assertThat(Files.readAllBytes(server.local("m"))).isEqualTo(data);
    assertThat(client.counters().get(Counter.FENCES)).isZero();
  }

  @Test
  void theSameThroughTheServerAlone() throws Exception {
    byte[] data = random(3 << 20, 11);
    try (DirectFile file = create(client, "n", DirectMode.NEVER)) {
      file.write(heap(data), 0);
      file.sync();
      byte[] back = new byte[data.length + 100];
      assertThat(file.read(heap(back), 0)).isEqualTo(data.length);
      assertThat(Arrays.copyOf(back, data.length)).isEqualTo(data);
    }
    assertThat(Files.readAllBytes(server.local("n"))).isEqualTo(data);
    assertThat(client.counters().directBytes()).isZero();
  }

  @Test
  void severalClientsShareAFile() throws Exception {
    try (SelkieClient other = connect(ClientOptions.defaults());
        DirectFile mine = create(client, "s", DirectMode.PREFER)) {
      mine.setSize(1 << 20);
      mine.write(heap(random(4096, 12)), 0);
      try (DirectFile theirs = other.open("/data/s", DirectMode.PREFER)) {
        byte[] got = new byte[4096];
        assertThat(theirs.read(heap(got), 0)).isEqualTo(4096);
        assertThat(got).isEqualTo(random(4096, 12));
        mine.write(heap(random(4096, 13)), 0);
        assertThat(theirs.read(heap(got), 0)).isEqualTo(4096);
        assertThat(got).isEqualTo(random(4096, 13));
      }
    }
  }

  @Test
  void twoClientsThatGrowAFileCutNothingOff() throws Exception {
    try (SelkieClient other = connect(ClientOptions.defaults());
        DirectFile mine = create(client, "grow", DirectMode.PREFER);
        DirectFile theirs = create(other, "grow", DirectMode.PREFER)) {
      for (int i = 0; i < 10; i++) {
        mine.write(heap(random(1000, i)), 2000L * i);
        theirs.write(heap(random(1000, 100 + i)), 2000L * i + 1000);
      }
    }
    byte[] all = Files.readAllBytes(server.local("grow"));
    assertThat(all).hasSize(20_000);
    for (int i = 0; i < 10; i++) {
      assertThat(Arrays.copyOfRange(all, 2000 * i, 2000 * i + 1000)).isEqualTo(random(1000, i));
      assertThat(Arrays.copyOfRange(all, 2000 * i + 1000, 2000 * i + 2000))
          .isEqualTo(random(1000, 100 + i));
    }
  }

  @Test
  void aServerThatRestartsIsFoundAgain() throws Exception {
    byte[] first = random(8192, 14);
    try (DirectFile file = create(client, "r", DirectMode.PREFER)) {
      file.setSize(8192);
      file.write(heap(first), 0);
      server.restart();
      // What was written directly before the restart is committed in its grace period.
      file.sync();
      byte[] got = new byte[8192];
      assertThat(file.read(heap(got), 0)).isEqualTo(8192);
      assertThat(got).isEqualTo(first);
      file.write(heap(random(100, 15)), 0);
      file.sync();
    }
    assertThat(client.counters().get(Counter.STATE_LOSSES)).isEqualTo(1);
    assertThat(Arrays.copyOf(Files.readAllBytes(server.local("r")), 100))
        .isEqualTo(random(100, 15));
  }

  @Test
  void namesOfTheRealFileSystem() throws Exception {
    client.makeDirectory("/data/dir");
    Files.writeString(server.local("dir").resolve("ä b"), "x");
    assertThat(client.list("/data/dir"))
        .singleElement()
        .satisfies(entry -> assertThat(entry.name()).isEqualTo("ä b"));
    client.rename("/data/dir/ä b", "/data/moved");
    assertThat(Files.readString(server.local("moved"))).isEqualTo("x");
    client.remove("/data/moved");
    client.remove("/data/dir");
    assertThat(client.list("/data")).isEmpty();
    assertThat(client.list("/")).singleElement().extracting(e -> e.name()).isEqualTo("data");
    assertThatThrownBy(() -> client.open("/data/none")).isInstanceOf(NfsStatusException.class);
  }

  @Test
  void aThousandEntriesAreListed() throws Exception {
    for (int i = 0; i < 1000; i++) {
      Files.createFile(server.local("f" + i));
    }
    assertThat(client.list("/data")).hasSize(1000);
  }
}
