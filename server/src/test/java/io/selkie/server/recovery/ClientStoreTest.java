package io.selkie.server.recovery;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.config.time.Timers;
import io.selkie.server.compound.Principal;
import io.selkie.server.testing.ManualTime;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: what was acknowledged is there after any crash. Method: a disk that loses power. */
@Timeout(120)
class ClientStoreTest {

  private final ManualTime time = new ManualTime();
  private final Semaphore scheduled = new Semaphore(0);
  private final Timers timers =
      (delay, task) -> {
        Timers.Timer timer = time.schedule(delay, task);
        scheduled.release();
        return timer;
      };
  private final AtomicInteger failures = new AtomicInteger();
  @TempDir Path dir;

  static ByteBuffer owner(String name) {
    return ByteBuffer.wrap(name.getBytes(UTF_8)).asReadOnlyBuffer();
  }

  static StoredClient client(String name, long verifier) {
    return new StoredClient(owner(name), verifier, new Principal(1, 1000), 7, false);
  }

  static <T> T await(CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  private ClientStore open(String bootId) throws ClientStoreException {
    return ClientStore.open(dir, bootId, timers, failures::incrementAndGet);
  }

  @Test
  void recordsOutliveTheStore() throws Exception {
    StoredClient denying = client("a", 1).withDenies();
    try (ClientStore store = open("boot")) {
      assertThat(store.atStart()).isEmpty();
      await(store.put(denying));
      await(store.put(client("b", 2)));
      await(store.put(client("b", 3)));
      await(store.put(client("c", 4)));
      await(store.remove(List.of(owner("c"), owner("never there"))));
    }
    try (ClientStore store = open("boot")) {
      assertThat(store.atStart().values()).containsExactlyInAnyOrder(denying, client("b", 3));
      assertThat(store.isSameBoot()).isTrue();
    }
    try (ClientStore store = open("another boot")) {
      assertThat(store.isSameBoot()).isFalse();
    }
  }

  @Test
  void ownersOfTheGreatestLengthAreKept() throws Exception {
    StoredClient longest = client("x".repeat(1024), 1);
    try (ClientStore store = open("")) {
      await(store.put(longest));
    }
    try (ClientStore store = open("")) {
      assertThat(store.atStart().values()).containsExactly(longest);
      assertThat(store.isSameBoot()).as("unknown boots are never the same").isFalse();
    }
  }

  @Test
  void damagedFileIsPutAsideAndNobodyReclaims() throws Exception {
    try (ClientStore store = open("boot")) {
      await(store.put(client("a", 1)));
    }
    Path file = dir.resolve(ClientStore.FILE);
    byte[] bytes = Files.readAllBytes(file);
    new Random(1).nextBytes(bytes);
    Files.write(file, bytes);
    try (ClientStore store = open("boot")) {
      assertThat(store.atStart()).isEmpty();
      assertThat(dir.resolve(ClientStore.FILE + ".damaged")).exists();
      await(store.put(client("b", 2)));
    }
    try (ClientStore store = open("boot")) {
      assertThat(store.atStart()).containsOnlyKeys(owner("b"));
    }
  }

  @Test
  void directoryThatCannotBeWrittenIsToldWithTheRemedy() throws IOException {
    Path noDirectory = Files.createFile(dir.resolve("file"));
    assertThatThrownBy(() -> ClientStore.open(noDirectory, "", timers, failures::incrementAndGet))
        .isInstanceOf(ClientStoreException.class)
        .hasMessageContaining("--state-dir");
  }

  @Test
  void manyClientsShareCommits() throws Exception {
    LossyDisk disk = new LossyDisk("sharing");
    try (ClientStore store = open(disk)) {
      int before = disk.forces();
      List<CompletableFuture<Void>> all = new ArrayList<>();
      // Nothing is written meanwhile, so that all but the first wait when the disk is free.
      synchronized (disk) {
        for (int i = 0; i < 2000; i++) {
          all.add(store.put(client("c" + i, i)).toCompletableFuture());
        }
      }
      await(CompletableFuture.allOf(all.toArray(CompletableFuture[]::new)));
      assertThat(disk.forces() - before).isLessThan(1000);
    }
  }

  @Test
  void fileDoesNotGrowWithTheNumberOfChanges() throws Exception {
    LossyDisk disk = new LossyDisk("growing");
    try (ClientStore store = open(disk)) {
      for (int i = 0; i < 2500; i++) {
        await(store.put(client("c" + i % 50, i)));
      }
      assertThat(disk.bytes()).isLessThan(4L << 20);
    }
  }

  private ClientStore open(LossyDisk disk) throws ClientStoreException {
    return ClientStore.open(
        disk.fileName(dir.resolve("lossy.mv.db").toString()),
        "boot",
        timers,
        failures::incrementAndGet);
  }

  @Test
  void whatWasAcknowledgedSurvivesLossOfPowerAtAnyMoment() throws Exception {
    for (int seed = 0; seed < 60; seed++) {
      powerIsLost(seed);
    }
  }

  private void powerIsLost(int seed) throws Exception {
    Random random = new Random(seed);
    LossyDisk disk = new LossyDisk("power" + seed);
    Map<String, List<StoredClient>> possible = new HashMap<>();
    for (int life = 0; life < 4; life++) {
      ClientStore store = open(disk);
      for (var entry : possible.entrySet()) {
        assertThat(entry.getValue())
            .as("seed %d, life %d", seed, life)
            .contains(store.atStart().get(owner(entry.getKey())));
      }
      possible.replaceAll((name, any) -> alone(store.atStart().get(owner(name))));
      int changes = 1 + random.nextInt(40);
      for (int i = 0; i < changes; i++) {
        String name = "c" + random.nextInt(4);
        StoredClient wanted = random.nextBoolean() ? client(name, random.nextLong()) : null;
        List<StoredClient> states = possible.computeIfAbsent(name, any -> alone(null));
        states.add(wanted);
        CompletionStage<Void> written =
            wanted == null ? store.remove(List.of(owner(name))) : store.put(wanted);
        if (random.nextInt(3) > 0) {
          await(written);
          possible.put(name, alone(wanted));
        }
      }
      disk.powerOff();
      store.close();
      disk.powerOn(random);
    }
  }

  private static List<StoredClient> alone(StoredClient client) {
    List<StoredClient> list = new ArrayList<>();
    list.add(client);
    return list;
  }

  @Test
  void failedWriteIsToldAndTriedAgain() throws Exception {
    LossyDisk disk = new LossyDisk("failing");
    try (ClientStore store = open(disk)) {
      await(store.put(client("before", 1)));
      disk.failNext(1);
      assertThatThrownBy(() -> await(store.put(client("a", 1))))
          .isInstanceOf(ExecutionException.class)
          .cause()
          .isInstanceOf(ClientStoreException.class)
          .hasMessageContaining("Input/output error");
      CompletableFuture<Void> removed =
          store.remove(List.of(owner("before"))).toCompletableFuture();
      assertThat(removed).isNotDone();
      awaitRetry();
      await(removed);
      await(store.put(client("b", 2)));
    }
    assertThat(failures).hasValue(1);
    try (ClientStore store = open(disk)) {
      assertThat(store.atStart()).containsKey(owner("b")).doesNotContainKey(owner("before"));
    }
  }

  @Test
  void errorOfTheMachineDoesNotEndTheWriter() throws Exception {
    LossyDisk disk = new LossyDisk("breaking");
    try (ClientStore store = open(disk)) {
      disk.breakNext(1);
      assertThatThrownBy(() -> await(store.put(client("a", 1))))
          .isInstanceOf(ExecutionException.class)
          .hasCauseInstanceOf(ClientStoreException.class);
      awaitRetry();
      await(store.put(client("b", 2)));
    }
  }

  @Test
  void removalWaitsForTheWriteThatSucceeds() throws Exception {
    LossyDisk disk = new LossyDisk("patient");
    try (ClientStore store = open(disk)) {
      await(store.put(client("a", 1)));
      disk.failNext(1_000_000);
      CompletableFuture<Void> removed = store.remove(List.of(owner("a"))).toCompletableFuture();
      for (int i = 0; i < 3; i++) {
        awaitRetry();
      }
      assertThat(removed).isNotDone();
      assertThat(scheduled.tryAcquire(60, TimeUnit.SECONDS)).isTrue();
      disk.failNext(0);
      time.pass(1, TimeUnit.SECONDS);
      await(removed);
      assertThat(failures.get()).isGreaterThanOrEqualTo(3);
    }
  }

  /** The writer asks for its retry on its own thread, after it told of the failure. */
  private void awaitRetry() throws InterruptedException {
    assertThat(scheduled.tryAcquire(60, TimeUnit.SECONDS)).isTrue();
    time.pass(1, TimeUnit.SECONDS);
  }
}
