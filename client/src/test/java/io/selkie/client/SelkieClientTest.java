package io.selkie.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.fake.FakeFile;
import io.selkie.client.fake.FakeServer;
import io.selkie.protocol.nfs4.NfsStat4;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: files read and written through a real socket and real iWARP come out right. */
@Timeout(120)
class SelkieClientTest {
  private FakeServer server;
  private SelkieClient client;

  @BeforeEach
  void start() throws Exception {
    server = new FakeServer();
    client = SelkieClient.connect("127.0.0.1", server.port(), ClientOptions.defaults());
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  static byte[] random(int bytes, long seed) {
    byte[] data = new byte[bytes];
    new Random(seed).nextBytes(data);
    return data;
  }

  @Test
  void readsDirectlyIntoNativeAndHeapMemory() throws Exception {
    byte[] data = random(100_000, 1);
    server.state().addFile("a", data);
    try (DirectFile file = client.open("/a", DirectMode.REQUIRE);
        Arena arena = Arena.ofConfined()) {
      MemorySegment whole = arena.allocate(data.length);
      assertThat(file.read(whole, 0)).isEqualTo(data.length);
      assertThat(whole.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(data);

      byte[] part = new byte[60_000];
      assertThat(file.read(MemorySegment.ofArray(part), 20_001)).isEqualTo(part.length);
      assertThat(part).isEqualTo(java.util.Arrays.copyOfRange(data, 20_001, 80_001));

      ByteBuffer buffer = ByteBuffer.allocateDirect(50);
      assertThat(file.read(buffer, data.length - 20)).isEqualTo(20);
      assertThat(buffer.position()).isEqualTo(20);
      assertThat(file.read(whole, data.length)).isEqualTo(-1);
    }
    assertThat(client.counters().nfsBytes()).isZero();
    assertThat(client.counters().get(Counter.DIRECT_READ_BYTES))
        .isEqualTo(data.length + 60_000 + 20);
    assertThat(server.state().privateData().getFirst().remaining()).isEqualTo(24);
    assertThat(server.state().file("a").hasLayout()).isFalse();
  }

  @Test
  void writesDirectlyAndCommitsWhatWasWritten() throws Exception {
    byte[] data = random(3 << 20, 2);
    try (DirectFile file =
            client.open(
                "/b", DirectMode.REQUIRE, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
        Arena arena = Arena.ofConfined()) {
      file.setSize(data.length);
      MemorySegment memory = arena.allocate(data.length);
      memory.copyFrom(MemorySegment.ofArray(data));
      file.write(memory, 0);
      assertThat(server.state().file("b").content()).isEqualTo(data);
      file.write(MemorySegment.ofArray(data).asSlice(0, 1000), 5000);
      file.sync();
      assertThat(server.log()).contains("LAYOUTCOMMIT 0+" + data.length);
    }
    System.arraycopy(data, 0, data, 5000, 1000);
    assertThat(server.state().file("b").content()).isEqualTo(data);
    assertThat(server.counts()).doesNotContainKeys("READ", "WRITE");
  }

  @Test
  void growsTheFileBeforeItAsksForTheLayout() throws Exception {
    try (DirectFile file =
        client.open(
            "/c", DirectMode.REQUIRE, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
      file.write(MemorySegment.ofArray(random(5000, 3)), 0);
      file.write(MemorySegment.ofArray(random(5000, 4)), 5000);
      assertThat(file.sizeBytes()).isEqualTo(10_000);
    }
    assertThat(server.counts()).doesNotContainKey("WRITE");
  }

  @Test
  void holesReadAsZeroesWithoutTouchingTheDevice() throws Exception {
    server.state().addFile("h", random(64 << 10, 5));
    server.script(operation -> FakeServer.PROCEED);
    setHoles();
    byte[] got = new byte[64 << 10];
    try (DirectFile file = client.open("/h", DirectMode.REQUIRE)) {
      file.read(MemorySegment.ofArray(got), 0);
    }
    assertThat(java.util.Arrays.copyOfRange(got, 32 << 10, 64 << 10)).containsOnly(0);
    assertThat(java.util.Arrays.copyOf(got, 32 << 10))
        .isEqualTo(java.util.Arrays.copyOf(random(64 << 10, 5), 32 << 10));
  }

  private void setHoles() {
    server.state().grantHoles();
  }

  @Test
  void neverMeansNever() throws Exception {
    byte[] data = random(2 << 20, 6);
    try (DirectFile file =
        client.open("/n", DirectMode.NEVER, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
      file.write(MemorySegment.ofArray(data), 0);
      byte[] back = new byte[data.length];
      assertThat(file.read(MemorySegment.ofArray(back), 0)).isEqualTo(data.length);
      assertThat(back).isEqualTo(data);
    }
    assertThat(server.counts()).doesNotContainKeys("LAYOUTGET").containsKeys("COMMIT");
    assertThat(client.counters().directBytes()).isZero();
  }

  @Test
  void refusalFallsBackOrSaysWhy() throws Exception {
    server.state().addFile("r", random(5000, 7));
    server.script(operation ->
        operation.equals("LAYOUTGET") ? NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE : FakeServer.PROCEED);
    byte[] got = new byte[5000];
    try (DirectFile file = client.open("/r", DirectMode.PREFER)) {
      assertThat(file.read(MemorySegment.ofArray(got), 0)).isEqualTo(5000);
      file.read(MemorySegment.ofArray(got), 0);
    }
    assertThat(got).isEqualTo(random(5000, 7));
    assertThat(client.counters().fallbacks(FallbackReason.LAYOUT_UNAVAILABLE)).isEqualTo(2);
    try (DirectFile file = client.open("/r", DirectMode.REQUIRE)) {
      assertThatThrownBy(() -> file.read(MemorySegment.ofArray(got), 0))
          .isInstanceOfSatisfying(
              DirectUnavailableException.class,
              e -> assertThat(e.reason()).isEqualTo(FallbackReason.LAYOUT_UNAVAILABLE));
    }
  }

  @Test
  void asksAgainForWhatAPartialLayoutLeftOut() throws Exception {
    byte[] data = random(256 << 10, 8);
    server.state().addFile("p", data);
    server.state().limitLayouts(64 << 10);
    byte[] got = new byte[4096];
    try (DirectFile file = client.open("/p", DirectMode.REQUIRE)) {
      file.read(MemorySegment.ofArray(got), 200_000);
    }
    assertThat(got).isEqualTo(java.util.Arrays.copyOfRange(data, 200_000, 204_096));
    assertThat(server.counts()).doesNotContainKey("READ");
  }

  @Test
  void severalThreadsShareOneFile() throws Exception {
    FakeFile stored = server.state().addFile("t", new byte[4 << 20]);
    List<Thread> threads = new ArrayList<>();
    List<Throwable> failures = java.util.Collections.synchronizedList(new ArrayList<>());
    try (DirectFile file = client.open("/t", DirectMode.REQUIRE, StandardOpenOption.WRITE)) {
      for (int t = 0; t < 4; t++) {
        int id = t;
        threads.add(Thread.ofPlatform().start(() -> hammer(file, id, failures)));
      }
      for (Thread thread : threads) {
        thread.join();
      }
    }
    assertThat(failures).isEmpty();
    for (int t = 0; t < 4; t++) {
      assertThat(java.util.Arrays.copyOfRange(stored.content(), t << 20, (t + 1) << 20))
          .isEqualTo(random(1 << 20, 100 + t));
    }
  }

  private static void hammer(DirectFile file, int id, List<Throwable> failures) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(1 << 20);
      data.copyFrom(MemorySegment.ofArray(random(1 << 20, 100 + id)));
      MemorySegment back = arena.allocate(4096);
      for (int i = 0; i < 256; i++) {
        MemorySegment page = data.asSlice(i * 4096L, 4096);
        long position = ((long) id << 20) + i * 4096L;
        file.write(page, position);
        file.read(back, position);
        if (back.mismatch(page) >= 0) {
          throw new AssertionError("read something else than was written at " + position);
        }
      }
    } catch (Throwable e) {
      failures.add(e);
    }
  }

  @Test
  void asynchronousReadsAndWritesComplete() throws Exception {
    byte[] data = random(2 << 20, 9);
    FakeFile stored = server.state().addFile("s", new byte[2 << 20]);
    try (DirectFile file = client.open("/s", DirectMode.REQUIRE, StandardOpenOption.WRITE);
        Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(2 << 20);
      memory.copyFrom(MemorySegment.ofArray(data));
      List<CompletableFuture<Long>> writes = new ArrayList<>();
      for (int i = 0; i < 32; i++) {
        writes.add(file.writeAsync(memory.asSlice(i << 16, 1 << 16), i << 16));
      }
      for (CompletableFuture<Long> write : writes) {
        assertThat(write.get(60, TimeUnit.SECONDS)).isEqualTo(1 << 16);
      }
      assertThat(stored.content()).isEqualTo(data);
      memory.fill((byte) 0);
      List<CompletableFuture<Long>> reads = new ArrayList<>();
      for (int i = 0; i < 32; i++) {
        reads.add(file.readAsync(memory.asSlice(i << 16, 1 << 16), i << 16));
      }
      for (CompletableFuture<Long> read : reads) {
        assertThat(read.get(60, TimeUnit.SECONDS)).isEqualTo(1 << 16);
      }
      assertThat(memory.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(data);
    }
    assertThat(client.counters().nfsBytes()).isZero();
  }

  @Test
  void namesAreListedMadeRenamedAndRemoved() throws Exception {
    for (int i = 0; i < 5; i++) {
      server.state().addFile("f" + i, new byte[i]);
    }
    client.makeDirectory("/d");
    assertThat(client.list("/"))
        .extracting(DirectoryEntry::name)
        .containsExactly("d", "f0", "f1", "f2", "f3", "f4");
    assertThat(client.status("/f3").sizeBytes()).isEqualTo(3);
    assertThat(client.status("/d").isDirectory()).isTrue();
    client.rename("/f3", "/d/g");
    assertThat(client.exists("/f3")).isFalse();
    assertThat(client.exists("/d/g")).isTrue();
    client.remove("/d/g");
    assertThat(client.list("/d")).isEmpty();
    assertThatThrownBy(() -> client.open("/none"))
        .isInstanceOf(NfsStatusException.class)
        .hasMessageContaining("no such file or directory");
  }
}
