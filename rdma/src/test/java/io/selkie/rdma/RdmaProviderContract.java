package io.selkie.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.rdma.QueuePair.PostResult;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: what every provider owes its callers, whatever carries the bytes.
 *
 * <p>Method: a passive and an active side in one process over a real connection, used through the
 * interface alone. A provider's test extends this class.
 */
@Timeout(120)
public abstract class RdmaProviderContract {

  private static final int REGION_BYTES = 1 << 20;
  private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(30);

  /** A completion as it was reaped. */
  protected record Done(long workId, WorkStatus status) {}

  private final Arena arena = Arena.ofShared();
  private final BlockingQueue<QueuePair> established = new LinkedBlockingQueue<>();
  private final BlockingQueue<DisconnectCause> closed = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> messages = new LinkedBlockingQueue<>();
  private final BlockingQueue<Integer> invalidatedKeys = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
  private volatile String acceptWith = "welcome";
  private volatile boolean refuses;

  private RdmaProvider server;
  private RdmaProvider client;
  private ProtectionDomain serverDomain;
  private ProtectionDomain clientDomain;
  private RdmaListener listener;
  private MemorySegment remote;
  private MemorySegment local;
  private MemoryRegion remoteRegion;
  private MemoryRegion localRegion;
  private volatile String requestSeen;

  /** A fresh provider; closed by the suite. */
  protected abstract RdmaProvider provider() throws Exception;

  @BeforeEach
  final void start() throws Exception {
    server = provider();
    client = provider();
    serverDomain = server.allocateProtectionDomain("server");
    clientDomain = client.allocateProtectionDomain("client");
    remote = arena.allocate(REGION_BYTES, 4096);
    local = arena.allocate(REGION_BYTES, 4096);
    fill(remote, 1);
    remoteRegion = serverDomain.register(remote, EnumSet.allOf(RemoteAccess.class));
    localRegion = clientDomain.register(local, Set.of());
    listener =
        server.listen(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            request -> {
              requestSeen = text(request.privateData());
              return refuses
                  ? new ConnectionAcceptor.Refuse(bytes("no session"))
                  : new ConnectionAcceptor.Accept(
                      serverDomain, bytes(acceptWith), new Recorder(messages));
            });
  }

  @AfterEach
  final void stop() {
    client.close();
    server.close();
    arena.close();
  }

  /** Records what a queue pair is told. */
  private final class Recorder implements QueuePairListener {
    private final BlockingQueue<String> received;

    Recorder(BlockingQueue<String> received) {
      this.received = received;
    }

    @Override
    public void onEstablished(QueuePair queuePair) {
      established.add(queuePair);
    }

    @Override
    public void onMessage(ByteBuffer message, int invalidatedKey) {
      invalidatedKeys.add(invalidatedKey);
      received.add(text(message));
    }

    @Override
    public void onClosed(DisconnectCause cause) {
      closed.add(cause);
    }
  }

  private static String text(ByteBuffer bytes) {
    return StandardCharsets.UTF_8.decode(bytes).toString();
  }

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  private static void fill(MemorySegment memory, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (long i = 0; i + 8 <= memory.byteSize(); i += 8) {
      memory.set(ValueLayout.JAVA_LONG_UNALIGNED, i, random.nextLong());
    }
  }

  private QueuePair connect() throws Exception {
    return connect(32, 8);
  }

  private QueuePair connect(int depth, int reads) throws Exception {
    return client.connect(
        listener.address(),
        clientDomain,
        new ConnectOptions(bytes("hello"), depth, reads, 0, 10_000));
  }

  private static <T> T take(BlockingQueue<T> queue) throws InterruptedException {
    T taken = queue.poll(30, TimeUnit.SECONDS);
    assertThat(taken).as("something that should have happened").isNotNull();
    return taken;
  }

  private static List<Done> reap(QueuePair pair, int count) throws InterruptedException {
    List<Done> all = new ArrayList<>();
    while (all.size() < count) {
      int given =
          pair.completions()
              .await((id, status) -> all.add(new Done(id, status)), count - all.size(), WAIT_NANOS);
      assertThat(given).as("completions, after %s", all).isPositive();
    }
    return all;
  }

  private static WorkStatus one(QueuePair pair, PostResult posted) throws InterruptedException {
    assertThat(posted).isEqualTo(PostResult.POSTED);
    return reap(pair, 1).getFirst().status();
  }

  private static void assertSame(
      MemorySegment a, long offsetA, MemorySegment b, long offsetB, long length) {
    assertThat(MemorySegment.mismatch(a, offsetA, offsetA + length, b, offsetB, offsetB + length))
        .isEqualTo(-1);
  }

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
    long size = (3L << 30) + 12_345;
    Path folder = Files.createDirectories(Path.of(System.getProperty("selkie.test.dir", "target")));
    Path file = Files.createTempFile(folder, "large", ".region");
    try (FileChannel channel =
            FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
        QueuePair pair = connect()) {
      assertThat(server.capabilities().maxRegionBytes()).isGreaterThanOrEqualTo(size);
      MemorySegment mapped = channel.map(FileChannel.MapMode.READ_WRITE, 0, size, arena);
      MemoryRegion large = serverDomain.register(mapped, EnumSet.allOf(RemoteAccess.class));
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
      large.invalidate().toCompletableFuture().get(30, TimeUnit.SECONDS);
    } finally {
      Files.delete(file);
    }
  }

  // ---- messages ----

  @Test
  void messagesGoBothWays() throws Exception {
    try (QueuePair pair =
        client.connect(
            listener.address(),
            clientDomain,
            new ConnectOptions(bytes("hello"), 8, 8, 0, 10_000),
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
    MemoryRegion offered = clientDomain.register(local, EnumSet.allOf(RemoteAccess.class));
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
      driving.get(30, TimeUnit.SECONDS);
    }
  }

  @Test
  void sendWithInvalidateTakesTheKeyBack() throws Exception {
    try (QueuePair pair = connect()) {
      MemoryRegion region = serverDomain.register(remote, Set.of(RemoteAccess.READ));
      pair.postSendWithInvalidate(localRegion, local.asSlice(0, 1), region.key(), 1);
      assertThat(take(invalidatedKeys)).isEqualTo(region.key());
      assertThat(region.isValid()).isFalse();
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
          .isEqualTo(WorkStatus.REMOTE_ACCESS_ERROR);
    }
  }

  private static PostResult reapThen(QueuePair pair, java.util.function.Supplier<PostResult> next)
      throws InterruptedException {
    reap(pair, 1);
    return next.get();
  }

  // ---- protection ----

  private interface Target {
    PostResult post(QueuePair pair, MemorySegment part);
  }

  /** A request that must fail at the peer, between one that must work and one that is flushed. */
  private void assertRefused(Target target) throws Exception {
    MemorySegment image = arena.allocate(REGION_BYTES);
    image.copyFrom(remote);
    try (QueuePair pair = connect()) {
      long at = remoteRegion.remoteAddress();
      pair.postRead(localRegion, local.asSlice(0, 64), remoteRegion.key(), at, 1);
      assertThat(reap(pair, 1)).containsExactly(new Done(1, WorkStatus.SUCCESS));
      assertThat(target.post(pair, local.asSlice(1000, 1000))).isEqualTo(PostResult.POSTED);
      PostResult behind =
          pair.postWriteAndConfirm(localRegion, local.asSlice(0, 64), remoteRegion.key(), at, 3);
      List<Done> done = reap(pair, behind == PostResult.POSTED ? 2 : 1);
      assertThat(done.getFirst()).isEqualTo(new Done(2, WorkStatus.REMOTE_ACCESS_ERROR));
      if (done.size() > 1) {
        assertThat(done.getLast()).isEqualTo(new Done(3, WorkStatus.FLUSHED));
      }
      assertThat(pair.isUp()).isFalse();
      assertThat(pair.disconnectCause().kind()).isEqualTo(DisconnectCause.Kind.REMOTE_ERROR);
      assertThat(pair.postRead(localRegion, local.asSlice(0, 64), remoteRegion.key(), at, 4))
          .isEqualTo(PostResult.BROKEN);
    }
    assertThat(take(closed).kind()).isEqualTo(DisconnectCause.Kind.LOCAL_ERROR);
    assertSame(image, 0, remote, 0, REGION_BYTES);
  }

  @Test
  void readWithoutTheRightIsRefused() throws Exception {
    MemoryRegion region = serverDomain.register(remote, Set.of(RemoteAccess.WRITE));
    assertRefused(
        (pair, part) -> pair.postRead(localRegion, part, region.key(), region.remoteAddress(), 2));
  }

  @Test
  void writeWithoutTheRightIsRefused() throws Exception {
    MemoryRegion region = serverDomain.register(remote, Set.of(RemoteAccess.READ));
    assertRefused((pair, part) ->
        pair.postWriteAndConfirm(localRegion, part, region.key(), region.remoteAddress(), 2));
  }

  @Test
  void localRegionOfThePeerIsOutOfReach() throws Exception {
    MemoryRegion region = serverDomain.register(remote, Set.of());
    assertRefused(
        (pair, part) -> pair.postRead(localRegion, part, region.key(), region.remoteAddress(), 2));
  }

  @Test
  void readPastTheEndIsRefused() throws Exception {
    assertRefused((pair, part) ->
        pair.postRead(
            localRegion,
            part,
            remoteRegion.key(),
            remoteRegion.remoteAddress() + REGION_BYTES - 999,
            2));
  }

  @Test
  void writePastTheEndIsRefused() throws Exception {
    assertRefused((pair, part) ->
        pair.postWriteAndConfirm(
            localRegion,
            part,
            remoteRegion.key(),
            remoteRegion.remoteAddress() + REGION_BYTES - 999,
            2));
  }

  @Test
  void writeBeforeTheBeginningIsRefused() throws Exception {
    assertRefused((pair, part) ->
        pair.postWriteAndConfirm(
            localRegion, part, remoteRegion.key(), remoteRegion.remoteAddress() - 1, 2));
  }

  @Test
  void addressThatWrapsIsRefused() throws Exception {
    assertRefused((pair, part) -> pair.postRead(localRegion, part, remoteRegion.key(), -500L, 2));
  }

  @Test
  void keyOfAnotherDomainIsRefused() throws Exception {
    ProtectionDomain other = server.allocateProtectionDomain("another client");
    MemoryRegion region = other.register(remote, EnumSet.allOf(RemoteAccess.class));
    assertRefused(
        (pair, part) -> pair.postRead(localRegion, part, region.key(), region.remoteAddress(), 2));
    assertRefused((pair, part) ->
        pair.postWriteAndConfirm(localRegion, part, region.key(), region.remoteAddress(), 2));
  }

  @Test
  void keyThatWasNeverGivenIsRefused() throws Exception {
    assertRefused((pair, part) ->
        pair.postWriteAndConfirm(
            localRegion, part, remoteRegion.key() ^ 0x40000000, remoteRegion.remoteAddress(), 2));
  }

  @Test
  void keyThatWasTakenBackIsRefused() throws Exception {
    MemoryRegion region = serverDomain.register(remote, EnumSet.allOf(RemoteAccess.class));
    region.invalidate().toCompletableFuture().get(30, TimeUnit.SECONDS);
    assertThat(region.isValid()).isFalse();
    assertRefused(
        (pair, part) -> pair.postRead(localRegion, part, region.key(), region.remoteAddress(), 2));
    assertRefused((pair, part) ->
        pair.postWriteAndConfirm(localRegion, part, region.key(), region.remoteAddress(), 2));
  }

  @Test
  void keysDifferAndAreNotReusedSoon() throws Exception {
    Set<Integer> keys = new java.util.HashSet<>();
    for (int i = 0; i < 2000; i++) {
      MemoryRegion region = serverDomain.register(remote, Set.of(RemoteAccess.READ));
      assertThat(keys.add(region.key())).isTrue();
      region.invalidate().toCompletableFuture().get(30, TimeUnit.SECONDS);
    }
  }

  @Test
  void localBufferMustBeCovered() throws Exception {
    try (QueuePair pair = connect()) {
      MemorySegment elsewhere = arena.allocate(64);
      pair.postRead(localRegion, elsewhere, remoteRegion.key(), remoteRegion.remoteAddress(), 1);
      pair.postRead(
          localRegion, local.asSlice(0, 8), remoteRegion.key(), remoteRegion.remoteAddress(), 2);
      List<Done> done = reap(pair, 1);
      assertThat(done.getFirst()).isEqualTo(new Done(1, WorkStatus.LOCAL_PROTECTION_ERROR));
      assertThat(pair.isUp()).isFalse();
    }
  }

  @Test
  void localRegionMustBeOfTheQueuePairsDomainAndAlive() throws Exception {
    ProtectionDomain other = client.allocateProtectionDomain("other");
    MemoryRegion ofOther = other.register(local, Set.of());
    MemoryRegion dead = clientDomain.register(local, Set.of());
    dead.invalidate().toCompletableFuture().get(30, TimeUnit.SECONDS);
    for (MemoryRegion wrong : List.of(ofOther, dead)) {
      try (QueuePair pair = connect()) {
        assertThat(
                one(
                    pair,
                    pair.postWrite(
                        wrong,
                        local.asSlice(0, 8),
                        remoteRegion.key(),
                        remoteRegion.remoteAddress(),
                        1)))
            .isEqualTo(WorkStatus.LOCAL_PROTECTION_ERROR);
      }
    }
  }

  @Test
  void memoryThatCannotBeRegisteredIsRefusedWithAReason() {
    assertThatThrownBy(() -> serverDomain.register(MemorySegment.ofArray(new byte[64]), Set.of()))
        .isInstanceOf(RdmaException.class)
        .hasMessageContaining("heap");
    try (Arena confined = Arena.ofConfined()) {
      MemorySegment mine = confined.allocate(64);
      assertThatThrownBy(() -> serverDomain.register(mine, Set.of()))
          .isInstanceOf(RdmaException.class)
          .hasMessageContaining("thread");
    }
    assertThatThrownBy(() -> serverDomain.register(remote.asReadOnly(), Set.of(RemoteAccess.WRITE)))
        .isInstanceOf(RdmaException.class)
        .hasMessageContaining("read only");
  }

  // ---- life ----

  @Test
  void privateDataGoesBothWays() throws Exception {
    try (QueuePair pair = connect()) {
      assertThat(requestSeen).isEqualTo("hello");
      assertThat(text(pair.remotePrivateData())).isEqualTo("welcome");
      assertThat(text(take(established).remotePrivateData())).isEqualTo("hello");
    }
  }

  @Test
  void longestPrivateDataIsCarriedAndLongerIsRefused() throws Exception {
    int most = client.capabilities().maxPrivateDataBytes();
    assertThat(most).isBetween(56, 512);
    acceptWith = "y".repeat(most);
    String longest = "x".repeat(most);
    try (QueuePair pair =
        client.connect(
            listener.address(), clientDomain, new ConnectOptions(bytes(longest), 8, 8, 0, 9000))) {
      assertThat(requestSeen).isEqualTo(longest);
      assertThat(text(pair.remotePrivateData())).isEqualTo(acceptWith);
    }
    assertThatThrownBy(() ->
            client.connect(
                listener.address(),
                clientDomain,
                new ConnectOptions(bytes(longest + "x"), 8, 8, 0, 9000)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void refusalCarriesAReason() {
    refuses = true;
    assertThatThrownBy(this::connect)
        .isInstanceOfSatisfying(
            RdmaException.class,
            e -> {
              assertThat(e.reason()).isEqualTo(RdmaException.Reason.REFUSED);
              assertThat(text(e.peerPrivateData())).isEqualTo("no session");
            });
    assertThat(established).isEmpty();
  }

  @Test
  void nobodyListeningIsUnreachable() {
    InetSocketAddress gone = listener.address();
    listener.close();
    assertThatThrownBy(
            () -> client.connect(gone, clientDomain, new ConnectOptions(bytes(""), 8, 8, 0, 3000)))
        .isInstanceOfSatisfying(
            RdmaException.class,
            e -> assertThat(e.reason()).isEqualTo(RdmaException.Reason.UNREACHABLE));
  }

  @Test
  void addressInUseIsSaid() {
    assertThatThrownBy(() ->
            server.listen(listener.address(), request -> new ConnectionAcceptor.Refuse(bytes(""))))
        .isInstanceOfSatisfying(
            RdmaException.class,
            e -> assertThat(e.reason()).isEqualTo(RdmaException.Reason.SYSTEM));
  }

  @Test
  void closedListenerLeavesQueuePairsUp() throws Exception {
    try (QueuePair pair = connect()) {
      listener.close();
      assertThat(
              one(
                  pair,
                  pair.postRead(
                      localRegion,
                      local.asSlice(0, 8),
                      remoteRegion.key(),
                      remoteRegion.remoteAddress(),
                      1)))
          .isEqualTo(WorkStatus.SUCCESS);
    }
  }

  @Test
  void closeOfTheActiveSideIsSeenByThePassive() throws Exception {
    QueuePair pair = connect();
    QueuePair passive = take(established);
    pair.close();
    pair.close();
    assertThat(pair.isUp()).isFalse();
    assertThat(pair.disconnectCause().kind()).isEqualTo(DisconnectCause.Kind.LOCAL_CLOSE);
    assertThat(take(closed).kind()).isEqualTo(DisconnectCause.Kind.REMOTE_CLOSE);
    assertThat(passive.isUp()).isFalse();
  }

  @Test
  void outstandingRequestsAreFlushedByClose() throws Exception {
    QueuePair pair = connect();
    for (int i = 0; i < 8; i++) {
      pair.postRead(localRegion, local, remoteRegion.key(), remoteRegion.remoteAddress(), i);
    }
    pair.close();
    List<Done> done = reap(pair, 8);
    assertThat(done.getLast().status()).isEqualTo(WorkStatus.FLUSHED);
    assertThat(done).extracting(Done::workId).isSorted();
  }

  @Test
  void abortOnThePassiveSideEndsTheActiveOne() throws Exception {
    try (QueuePair pair = connect()) {
      take(established).abort("fenced");
      assertThat(take(closed))
          .isEqualTo(new DisconnectCause(DisconnectCause.Kind.LOCAL_ABORT, "fenced"));
      PostResult posted =
          pair.postRead(
              localRegion,
              local.asSlice(0, 8),
              remoteRegion.key(),
              remoteRegion.remoteAddress(),
              1);
      if (posted == PostResult.POSTED) {
        assertThat(reap(pair, 1).getFirst().status()).isEqualTo(WorkStatus.CONNECTION_LOST);
      }
      assertThat(pair.isUp()).isFalse();
    }
  }

  @Test
  void closeOfADomainBreaksItsQueuePairsAndKeys() throws Exception {
    try (QueuePair pair = connect()) {
      take(established);
      assertThat(serverDomain.liveRegions()).isEqualTo(1);
      serverDomain.close();
      assertThat(take(closed).kind()).isEqualTo(DisconnectCause.Kind.LOCAL_ABORT);
      remoteRegion.invalidate().toCompletableFuture().get(30, TimeUnit.SECONDS);
      assertThat(serverDomain.liveRegions()).isZero();
      assertThat(remoteRegion.isValid()).isFalse();
      assertThatThrownBy(() -> serverDomain.register(remote, Set.of()))
          .isInstanceOfSatisfying(
              RdmaException.class,
              e -> assertThat(e.reason()).isEqualTo(RdmaException.Reason.CLOSED));
      assertThat(pair.completions().await((id, status) -> {}, 1, WAIT_NANOS)).isZero();
      assertThat(pair.isUp()).isFalse();
    }
  }

  @Test
  void closedProviderConnectsNoMore() throws Exception {
    QueuePair pair = connect();
    client.close();
    assertThat(pair.isUp()).isFalse();
    assertThatThrownBy(this::connect)
        .isInstanceOfSatisfying(
            RdmaException.class,
            e -> assertThat(e.reason()).isEqualTo(RdmaException.Reason.CLOSED));
  }

  @Test
  void waitingThreadCanBeInterrupted() throws Exception {
    try (QueuePair pair = connect()) {
      CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
      Thread waiting =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  pair.completions().await((id, status) -> {}, 1, WAIT_NANOS);
                  interrupted.complete(false);
                } catch (InterruptedException e) {
                  interrupted.complete(true);
                }
              });
      waiting.interrupt();
      assertThat(interrupted.get(30, TimeUnit.SECONDS)).isTrue();
      // The queue pair survives that.
      assertThat(
              one(
                  pair,
                  pair.postRead(
                      localRegion,
                      local.asSlice(0, 8),
                      remoteRegion.key(),
                      remoteRegion.remoteAddress(),
                      1)))
          .isEqualTo(WorkStatus.SUCCESS);
    }
  }
}
