package io.selkie.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.QueuePair.PostResult;
import io.selkie.rdma.RdmaProvider.Shortcoming;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Goal and method: see {@link RdmaProviderContract}; here what moves bytes when all is well. */
abstract class RdmaDataContract extends RdmaContractFixture {

  // ---- data ----

  @Test
  void readFetchesExactlyWhatWasAskedFor() throws Exception {
    try (QueuePair pair = connect()) {
      local.fill((byte) 0x55);
      WorkStatus status =
          one(
              pair,
              pair.postRead(
                  localRegion,
                  local.asSlice(100, 70_001),
                  remoteRegion.key(),
                  remoteRegion.remoteAddress() + 33,
                  7));
      assertThat(status).isEqualTo(WorkStatus.SUCCESS);
      assertSame(remote, 33, local, 100, 70_001);
      assertThat(local.get(ValueLayout.JAVA_BYTE, 99)).isEqualTo((byte) 0x55);
      assertThat(local.get(ValueLayout.JAVA_BYTE, 100 + 70_001)).isEqualTo((byte) 0x55);
    }
  }

  @Test
  void confirmedWriteHasLandedWhenItCompletes() throws Exception {
    try (QueuePair pair = connect()) {
      fill(local, 2);
      byte before = remote.get(ValueLayout.JAVA_BYTE, 9);
      byte after = remote.get(ValueLayout.JAVA_BYTE, 10 + 500_000);
      WorkStatus status =
          one(
              pair,
              pair.postWriteAndConfirm(
                  localRegion,
                  local.asSlice(3, 500_000),
                  remoteRegion.key(),
                  remoteRegion.remoteAddress() + 10,
                  7));
      assertThat(status).isEqualTo(WorkStatus.SUCCESS);
      assertSame(local, 3, remote, 10, 500_000);
      assertThat(remote.get(ValueLayout.JAVA_BYTE, 9)).isEqualTo(before);
      assertThat(remote.get(ValueLayout.JAVA_BYTE, 10 + 500_000)).isEqualTo(after);
    }
  }

  @Test
  void readBehindAWriteSeesIt() throws Exception {
    try (QueuePair pair = connect()) {
      fill(local, 3);
      long at = remoteRegion.remoteAddress();
      pair.postWrite(localRegion, local.asSlice(0, 300_000), remoteRegion.key(), at, 1);
      pair.postRead(localRegion, local.asSlice(400_000, 300_000), remoteRegion.key(), at, 2);
      assertThat(reap(pair, 2))
          .containsExactly(new Done(1, WorkStatus.SUCCESS), new Done(2, WorkStatus.SUCCESS));
      assertSame(local, 0, local, 400_000, 300_000);
    }
  }

  @Test
  void operationsOnNothingSucceedWhateverTheKey() throws Exception {
    try (QueuePair pair = connect()) {
      MemorySegment nothing = local.asSlice(5, 0);
      pair.postRead(localRegion, nothing, 12345, 0, 1);
      pair.postWrite(localRegion, nothing, 12345, 0, 2);
      pair.postWriteAndConfirm(localRegion, nothing, 12345, -1, 3);
      assertThat(reap(pair, 3)).extracting(Done::status).containsOnly(WorkStatus.SUCCESS);
    }
  }

  @Test
  void wholeRegionCanBeReadAtOnce() throws Exception {
    try (QueuePair pair = connect()) {
      assertThat(
              one(
                  pair,
                  pair.postRead(
                      localRegion, local, remoteRegion.key(), remoteRegion.remoteAddress(), 1)))
          .isEqualTo(WorkStatus.SUCCESS);
      assertSame(remote, 0, local, 0, REGION_BYTES);
    }
  }

  @Test
  void completionsComeInTheOrderOfPosting() throws Exception {
    try (QueuePair pair = connect(32, 3)) {
      long at = remoteRegion.remoteAddress();
      List<Done> expected = new ArrayList<>();
      for (int i = 0; i < 32; i++) {
        MemorySegment part = local.asSlice(i * 20_000L, i % 2 == 0 ? 20_000 : 1);
        switch (i % 3) {
          case 0 -> pair.postRead(localRegion, part, remoteRegion.key(), at, i);
          case 1 -> pair.postWrite(localRegion, part, remoteRegion.key(), at + 500_000, i);
          default -> pair.postWriteAndConfirm(localRegion, part, remoteRegion.key(), at + 9, i);
        }
        expected.add(new Done(i, WorkStatus.SUCCESS));
      }
      assertThat(reap(pair, 32)).isEqualTo(expected);
    }
  }

  @Test
  void queueThatIsFullTakesNothingUntilACompletionIsReaped() throws Exception {
    try (QueuePair pair = connect(4, 8)) {
      MemorySegment part = local.asSlice(0, 64);
      long at = remoteRegion.remoteAddress();
      for (int i = 0; i < 4; i++) {
        assertThat(pair.postRead(localRegion, part, remoteRegion.key(), at, i))
            .isEqualTo(PostResult.POSTED);
      }
      assertThat(pair.postRead(localRegion, part, remoteRegion.key(), at, 4))
          .isEqualTo(PostResult.QUEUE_FULL);
      reap(pair, 1);
      assertThat(pair.postRead(localRegion, part, remoteRegion.key(), at, 5))
          .isEqualTo(PostResult.POSTED);
      assertThat(reap(pair, 4)).extracting(Done::workId).containsExactly(1L, 2L, 3L, 5L);
    }
  }

  @Test
  void awaitGivesUpWhenTheTimeIsOver() throws Exception {
    try (QueuePair pair = connect()) {
      long start = System.nanoTime();
      assertThat(pair.completions().await((id, status) -> {}, 1, 50_000_000L)).isZero();
      assertThat(System.nanoTime() - start).isGreaterThan(45_000_000L);
      assertThat(pair.completions().poll((id, status) -> {}, 1)).isZero();
    }
  }

  @Test
  void severalThreadsShareAQueuePair() throws Exception {
    int perThread = 500;
    int threads = 4;
    try (QueuePair pair = connect(16, 8);
        var pool = Executors.newFixedThreadPool(2 * threads)) {
      CompletableFuture<?>[] posting = new CompletableFuture<?>[threads];
      var seen = java.util.concurrent.ConcurrentHashMap.<Long>newKeySet();
      var reaped = new java.util.concurrent.atomic.AtomicInteger();
      List<CompletableFuture<?>> reaping = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        int thread = t;
        posting[t] =
            CompletableFuture.runAsync(
                () -> {
                  for (int i = 0; i < perThread; i++) {
                    long id = (long) thread * perThread + i;
                    MemorySegment part = local.asSlice(thread * 1000L, 1000);
                    while (pair.postRead(
                            localRegion, part, remoteRegion.key(), remoteRegion.remoteAddress(), id)
                        == PostResult.QUEUE_FULL) {
                      Thread.onSpinWait();
                    }
                  }
                },
                pool);
        reaping.add(
            CompletableFuture.runAsync(
                () -> {
                  try {
                    while (reaped.get() < threads * perThread) {
                      int given =
                          pair.completions()
                              .await(
                                  (id, status) -> {
                                    assertThat(status).isEqualTo(WorkStatus.SUCCESS);
                                    assertThat(seen.add(id)).isTrue();
                                  },
                                  4,
                                  20_000_000L);
                      reaped.addAndGet(given);
                    }
                  } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                  }
                },
                pool));
      }
      CompletableFuture.allOf(posting).get(60, TimeUnit.SECONDS);
      CompletableFuture.allOf(reaping.toArray(CompletableFuture[]::new)).get(60, TimeUnit.SECONDS);
      assertThat(seen).hasSize(threads * perThread);
    }
  }

  @Test
  void regionsBeyondTwoGigabytesWork() throws Exception {
    long size = (2L << 30) + 312_345;
    try (QueuePair pair = connect()) {
      assertThat(server.capabilities().maxRegionBytes()).isGreaterThanOrEqualTo(size);
      MemorySegment mapped = largeMemory(size);
      MemoryRegion large =
          serverDomain.register(mapped, EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE));
      assertThat(large.length()).isEqualTo(size);
      fill(local, 4);
      for (long offset : new long[] {0, (2L << 30) - 50_000, size - 100_000}) {
        assertThat(
                one(
                    pair,
                    pair.postWriteAndConfirm(
                        localRegion,
                        local.asSlice(0, 100_000),
                        large.key(),
                        large.remoteAddress() + offset,
                        1)))
            .isEqualTo(WorkStatus.SUCCESS);
        assertSame(local, 0, mapped, offset, 100_000);
        assertThat(
                one(
                    pair,
                    pair.postRead(
                        localRegion,
                        local.asSlice(500_000, 100_000),
                        large.key(),
                        large.remoteAddress() + offset,
                        1)))
            .isEqualTo(WorkStatus.SUCCESS);
        assertSame(local, 0, local, 500_000, 100_000);
      }
      large.invalidate().toCompletableFuture().get(60, TimeUnit.SECONDS);
    }
  }

  // ---- messages ----

  @Test
  void messagesGoBothWays() throws Exception {
    try (QueuePair pair =
        client.connect(
            listener.address(),
            clientDomain,
            new ConnectOptions(bytes("hello"), 8, 8, 0, CONNECT_MILLIS),
            new Recorder(answers))) {
      MemorySegment.copy(
          MemorySegment.ofArray("ping".getBytes(StandardCharsets.UTF_8)), 0, local, 0, 4);
      assertThat(one(pair, pair.postSend(localRegion, local.asSlice(0, 4), 1)))
          .isEqualTo(WorkStatus.SUCCESS);
      assertThat(take(messages)).isEqualTo("ping");
      assertThat(take(invalidatedKeys)).isZero();
      QueuePair passive = take(established);
      MemorySegment.copy(
          MemorySegment.ofArray("pong".getBytes(StandardCharsets.UTF_8)), 0, remote, 0, 4);
      assertThat(one(passive, passive.postSend(remoteRegion, remote.asSlice(0, 4), 1)))
          .isEqualTo(WorkStatus.SUCCESS);
      while (answers.isEmpty()) {
        pair.completions().await((id, status) -> {}, 1, 10_000_000L);
      }
      assertThat(take(answers)).isEqualTo("pong");
    }
  }

  @Test
  void passiveSideReadsAndWritesToo() throws Exception {
    MemoryRegion offered =
        clientDomain.register(local, EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE));
    try (QueuePair pair = connect();
        var pool = Executors.newSingleThreadExecutor()) {
      QueuePair passive = take(established);
      var stop = new java.util.concurrent.atomic.AtomicBoolean();
      var driving =
          CompletableFuture.runAsync(
              () -> {
                while (!stop.get()) {
                  try {
                    pair.completions().await((id, status) -> {}, 1, 10_000_000L);
                  } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                  }
                }
              },
              pool);
      assertThat(
              one(
                  passive,
                  passive.postWriteAndConfirm(
                      remoteRegion,
                      remote.asSlice(0, 200_000),
                      offered.key(),
                      offered.remoteAddress() + 5,
                      1)))
          .isEqualTo(WorkStatus.SUCCESS);
      assertSame(remote, 0, local, 5, 200_000);
      fill(local, 9);
      assertThat(
              one(
                  passive,
                  passive.postRead(
                      remoteRegion,
                      remote.asSlice(1, 200_000),
                      offered.key(),
                      offered.remoteAddress() + 5,
                      1)))
          .isEqualTo(WorkStatus.SUCCESS);
      assertSame(remote, 1, local, 5, 200_000);
      stop.set(true);
      driving.get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void sendWithInvalidateTakesTheKeyBack() throws Exception {
    try (QueuePair pair = connect()) {
      MemoryRegion region = serverDomain.register(remote, Set.of(RemoteAccess.READ));
      pair.postSendWithInvalidate(localRegion, local.asSlice(0, 1), region.key(), 1);
      boolean told = !server.shortcomings().contains(Shortcoming.KEYS_TAKEN_BACK_UNTOLD);
      assertThat(take(invalidatedKeys)).isEqualTo(told ? region.key() : 0);
      assertThat(region.isValid()).isNotEqualTo(told);
      assertThat(
              one(
                  pair,
                  reapThen(
                      pair,
                      () ->
                          pair.postRead(
                              localRegion,
                              local.asSlice(0, 8),
                              region.key(),
                              region.remoteAddress(),
                              2))))
          .isEqualTo(refused());
    }
  }

  private static PostResult reapThen(QueuePair pair, java.util.function.Supplier<PostResult> next)
      throws InterruptedException {
    reap(pair, 1);
    return next.get();
  }
}
