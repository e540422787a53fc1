package io.selkie.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.rdma.QueuePair.PostResult;
import io.selkie.rdma.RdmaProvider.Shortcoming;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: what every provider owes its callers, whatever carries the bytes.
 *
 * <p>Method: a passive and an active side in one process over a real connection, used through the
 * interface alone. A provider's test extends this class; what moves bytes is in {@link
 * RdmaDataContract}, protection and the life of connections are here.
 */
@Timeout(300)
public abstract class RdmaProviderContract extends RdmaDataContract {

  /** How often a key is taken back from peers that write, and of how much memory. */
  private static final int FLOODS = 10;

  private static final int FLOODED_BYTES = 64 << 10;

  /** What the owner of the memory fills it with when the key is back. */
  private static final byte OWNERS = 0x77;

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
      assertThat(done.getFirst()).isEqualTo(new Done(2, refused()));
      if (done.size() > 1) {
        assertThat(done.getLast()).isEqualTo(new Done(3, WorkStatus.FLUSHED));
      }
      assertThat(pair.isUp()).isFalse();
      assertThat(pair.disconnectCause().kind())
          .isEqualTo(
              tellsRefusals()
                  ? DisconnectCause.Kind.REMOTE_ERROR
                  : DisconnectCause.Kind.REMOTE_CLOSE);
      assertThat(pair.postRead(localRegion, local.asSlice(0, 64), remoteRegion.key(), at, 4))
          .isEqualTo(PostResult.BROKEN);
    }
    assertThat(take(closed).kind())
        .isEqualTo(
            tellsRefusals() ? DisconnectCause.Kind.LOCAL_ERROR : DisconnectCause.Kind.REMOTE_CLOSE);
    assertSame(image, 0, remote, 0, REGION_BYTES);
  }

  @Test
  void readWithoutTheRightIsRefused() throws Exception {
    if (server.shortcomings().contains(Shortcoming.READ_RIGHT_UNCHECKED)) {
      assertThatThrownBy(() -> serverDomain.register(remote, Set.of(RemoteAccess.WRITE)))
          .isInstanceOf(RdmaException.class)
          .hasMessageContaining("read it, too");
      return;
    }
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
    assertRefused((pair, part) ->
        pair.postWriteAndConfirm(localRegion, part, region.key(), region.remoteAddress(), 2));
    if (!server.shortcomings().contains(Shortcoming.READ_RIGHT_UNCHECKED)) {
      assertRefused((pair, part) ->
          pair.postRead(localRegion, part, region.key(), region.remoteAddress(), 2));
    }
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
    MemoryRegion region = other.register(remote, EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE));
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
    MemoryRegion region =
        serverDomain.register(remote, EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE));
    region.invalidate().toCompletableFuture().get(60, TimeUnit.SECONDS);
    assertThat(region.isValid()).isFalse();
    assertRefused(
        (pair, part) -> pair.postRead(localRegion, part, region.key(), region.remoteAddress(), 2));
    assertRefused((pair, part) ->
        pair.postWriteAndConfirm(localRegion, part, region.key(), region.remoteAddress(), 2));
  }

  @Test
  void keyThatWasTakenBackOnOnesOwnThreadIsRefusedAtOnce() throws Exception {
    MemoryRegion region =
        serverDomain.register(remote, EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE));
    int live = serverDomain.liveRegions();
    var over = region.invalidateHere().toCompletableFuture();
    assertThat(over).as("nothing was in flight").isCompleted();
    assertThat(region.isValid()).isFalse();
    assertThat(serverDomain.liveRegions()).isEqualTo(live - 1);
    assertThat(region.invalidate().toCompletableFuture()).isCompleted();
    assertRefused(
        (pair, part) -> pair.postRead(localRegion, part, region.key(), region.remoteAddress(), 2));
  }

  /**
   * Invariant S3 with accesses in flight. Memory is its owner's when the key is back; a writer that
   * was refused has nothing under way any more, so then whatever came late is there to be seen.
   */
  @Test
  void noOctetLandsOnceTheKeyIsBackFromPeersThatAreWriting() throws Exception {
    MemorySegment target = remote.asSlice(0, FLOODED_BYTES);
    MemorySegment owners = arena.allocate(FLOODED_BYTES).fill(OWNERS);
    MemorySegment all = local.asSlice(0, FLOODED_BYTES);
    for (int round = 0; round < FLOODS; round++) {
      all.fill((byte) 0x11);
      takeBackFromAFlood(
          round,
          (pair, region) ->
              pair.postWriteAndConfirm(localRegion, all, region.key(), region.remoteAddress(), 1));
      assertThat(target.mismatch(owners)).as("first octet that came late").isEqualTo(-1);
    }
  }

  /** The same with peers that read: what its owner writes to the memory then is not for them. */
  @Test
  void nothingIsReadOnceTheKeyIsBackFromPeersThatAreReading() throws Exception {
    if (server.shortcomings().contains(Shortcoming.READS_OUTLAST_KEYS)) {
      return;
    }
    MemorySegment all = local.asSlice(0, FLOODED_BYTES);
    for (int round = 0; round < FLOODS; round++) {
      remote.fill((byte) 0x33);
      takeBackFromAFlood(
          round,
          (pair, region) ->
              pair.postRead(localRegion, all, region.key(), region.remoteAddress(), 1));
      assertThat(all.toArray(ValueLayout.JAVA_BYTE)).doesNotContain(OWNERS);
    }
  }

  private interface Access {
    PostResult post(QueuePair pair, MemoryRegion region);
  }

  /**
   * Two queue pairs make accesses to a region, one after the other, until they are refused. The key
   * is taken back in the middle of that, and when it is back its owner fills the memory.
   */
  private void takeBackFromAFlood(int round, Access access) throws Exception {
    MemorySegment target = remote.asSlice(0, FLOODED_BYTES);
    MemoryRegion region =
        serverDomain.register(target, EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE));
    try (var pool = Executors.newFixedThreadPool(2);
        QueuePair one = connect(8, 8);
        QueuePair other = connect(8, 8)) {
      CompletableFuture<Void> oneWorks = new CompletableFuture<>();
      CompletableFuture<Void> otherWorks = new CompletableFuture<>();
      var first = CompletableFuture.runAsync(() -> flood(one, region, access, oneWorks), pool);
      var second = CompletableFuture.runAsync(() -> flood(other, region, access, otherWorks), pool);
      CompletableFuture.allOf(oneWorks, otherWorks).get(200, TimeUnit.SECONDS);
      var back = round % 2 == 0 ? region.invalidate() : region.invalidateHere();
      back.toCompletableFuture().get(200, TimeUnit.SECONDS);
      target.fill(OWNERS);
      CompletableFuture.allOf(first, second).get(200, TimeUnit.SECONDS);
    }
  }

  /** Goes on until it is refused; says when something has succeeded. */
  private void flood(
      QueuePair pair, MemoryRegion region, Access access, CompletableFuture<Void> works) {
    try {
      while (access.post(pair, region) != PostResult.BROKEN) {
        pair.completions()
            .await(
                (id, status) -> {
                  if (status == WorkStatus.SUCCESS) {
                    works.complete(null);
                  }
                },
                8,
                10_000_000L);
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void keysDifferAndAreNotReusedSoon() throws Exception {
    Set<Integer> keys = new java.util.HashSet<>();
    for (int i = 0; i < 2000; i++) {
      MemoryRegion region = serverDomain.register(remote, Set.of(RemoteAccess.READ));
      assertThat(keys.add(region.key())).isTrue();
      region.invalidate().toCompletableFuture().get(60, TimeUnit.SECONDS);
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
    dead.invalidate().toCompletableFuture().get(60, TimeUnit.SECONDS);
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
    assertThat(most).isBetween(48, 512);
    acceptWith = "y".repeat(most);
    String longest = "x".repeat(most);
    try (QueuePair pair =
        client.connect(
            listener.address(),
            clientDomain,
            new ConnectOptions(bytes(longest), 8, 8, 0, CONNECT_MILLIS))) {
      assertThat(requestSeen).isEqualTo(longest);
      assertThat(text(pair.remotePrivateData())).isEqualTo(acceptWith);
    }
    assertThatThrownBy(() ->
            client.connect(
                listener.address(),
                clientDomain,
                new ConnectOptions(bytes(longest + "x"), 8, 8, 0, CONNECT_MILLIS)))
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

  /** Nothing keeps a provider from being done before the close; so it has several chances. */
  @Test
  void outstandingRequestsAreFlushedByClose() throws Exception {
    List<Done> done = List.of();
    for (int i = 0; i < 20 && (done.isEmpty() || isSuccess(done.getLast())); i++) {
      done = closeWithReadsOutstanding();
      List<Done> after = done.stream().dropWhile(RdmaProviderContract::isSuccess).toList();
      assertThat(after).allMatch(each -> each.status() == WorkStatus.FLUSHED);
      assertThat(done).extracting(Done::workId).containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L);
    }
    assertThat(done.getLast().status()).isEqualTo(WorkStatus.FLUSHED);
  }

  private static boolean isSuccess(Done done) {
    return done.status() == WorkStatus.SUCCESS;
  }

  private List<Done> closeWithReadsOutstanding() throws Exception {
    QueuePair pair = connect();
    for (int i = 0; i < 8; i++) {
      pair.postRead(localRegion, local, remoteRegion.key(), remoteRegion.remoteAddress(), i);
    }
    pair.close();
    return reap(pair, 8);
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
      remoteRegion.invalidate().toCompletableFuture().get(60, TimeUnit.SECONDS);
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
      assertThat(interrupted.get(60, TimeUnit.SECONDS)).isTrue();
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
