package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatObject;

import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePair.PostResult;
import io.selkie.rdma.RemoteAccess;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: invariant S3. An invalidation is over when, and only when, no octet can land any more and
 * none of the region waits in a buffer of ours.
 *
 * <p>Method: peers that stop reading; floods of writes with a checker that looks at the memory
 * after the invalidation; a file that is cut under its mapping.
 */
@Timeout(300)
class InvalidationTest {

  /** Asks for far more than the sockets hold, and reads none of it. */
  private static RawPeer readerThatStopped(Server server) throws Exception {
    RawPeer peer = RawPeer.connectNarrow(server.address());
    peer.negotiate();
    for (int i = 1; i <= 64; i++) {
      peer.ulpdu(Frames.readRequest(i, 1, 0, Server.REGION_BYTES, server.key(), server.base()));
    }
    return peer;
  }

  /**
   * Stuck is when the octets sent for reads stay the same while others are served. The server has
   * one event loop, so each time somebody else's connection was made and ended, the stuck one had
   * its turn, too, however long that took.
   */
  private static void awaitStuck(Server server) throws Exception {
    long seen = -1;
    int same = 0;
    while (same < 20) {
      long now = server.provider.statistics().get(IwarpStatistics.Counter.READ_BYTES_OUT);
      same = now == seen && now > 0 ? same + 1 : 0;
      seen = now;
      RawPeer.established(server.address()).close();
      assertThat(server.awaitClosed().kind()).isEqualTo(DisconnectCause.Kind.REMOTE_CLOSE);
    }
  }

  @Test
  void invalidationWaitsForOctetsQueuedToASocketAndAbortEndsTheWait() throws Exception {
    try (Server server = new Server();
        RawPeer peer = readerThatStopped(server)) {
      awaitStuck(server);
      var invalidated = server.region.invalidate().toCompletableFuture();
      assertThat(server.region.isValid()).isFalse();
      assertThat(timesOut(invalidated)).isTrue();
      assertThat(server.domain.liveRegions()).isEqualTo(1);
      server.region.abortAccesses();
      invalidated.get(60, TimeUnit.SECONDS);
      assertThat(server.domain.liveRegions()).isZero();
      assertThat(server.awaitClosed().kind()).isEqualTo(DisconnectCause.Kind.LOCAL_ABORT);
      assertThat(peer.readByte()).as("what was in the kernel still comes").isNotNegative();
    }
  }

  @Test
  void abortOfOneRegionLeavesQueuePairsWithoutItAlone() throws Exception {
    try (Server server = new Server();
        RawPeer stuck = readerThatStopped(server);
        RawPeer other = RawPeer.established(server.address())) {
      awaitStuck(server);
      MemoryRegion another = server.register(RemoteAccess.READ);
      another.abortAccesses();
      another.invalidate().toCompletableFuture().get(60, TimeUnit.SECONDS);
      server.region.abortAccesses();
      assertThat(server.awaitClosed().kind()).isEqualTo(DisconnectCause.Kind.LOCAL_ABORT);
      other.ulpdu(Frames.send(1, Frames.bytes("aa")));
      assertThat(server.messages.take()).isEqualTo(Frames.bytes("aa"));
      assertThat(server.closed).isEmpty();
      assertThat(stuck.readByte()).isNotNegative();
    }
  }

  @Test
  void invalidationEndsWhenThePeerReadsOn() throws Exception {
    try (Server server = new Server();
        RawPeer peer = readerThatStopped(server)) {
      awaitStuck(server);
      var invalidated = server.region.invalidate().toCompletableFuture();
      assertThat(timesOut(invalidated)).isTrue();
      ByteBuffer ulpdu = peer.readUlpdu();
      while ((ulpdu.get(0) & 0x80) != 0) {
        ulpdu = peer.readUlpdu();
      }
      assertThat(ulpdu.get(1) & 0xFF).as("Terminate").isEqualTo(0x47);
      invalidated.get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void invalidationEndsWhenThePeerVanishes() throws Exception {
    try (Server server = new Server();
        RawPeer peer = readerThatStopped(server)) {
      awaitStuck(server);
      var invalidated = server.region.invalidate().toCompletableFuture();
      peer.reset();
      invalidated.get(60, TimeUnit.SECONDS);
      server.awaitClosed();
    }
  }

  private static boolean timesOut(CompletableFuture<Void> future)
      throws InterruptedException, ExecutionException {
    try {
      future.get(200, TimeUnit.MILLISECONDS);
      return false;
    } catch (TimeoutException e) {
      return true;
    }
  }

  @Test
  void eachCallOfInvalidateAnswersTheSameStage() throws Exception {
    try (Server server = new Server()) {
      assertThatObject(server.region.invalidate()).isSameAs(server.region.invalidate());
    }
  }

  @Test
  void noOctetLandsAfterAnInvalidationIsOver() throws Exception {
    int writers = 3;
    int rounds = 60;
    int bytes = 256 << 10;
    try (Server server = new Server();
        IwarpProvider client = new IwarpProvider(IwarpConfig.DEFAULTS);
        var pool = Executors.newFixedThreadPool(writers)) {
      var clientDomain = client.allocateProtectionDomain("writers");
      MemorySegment target = server.memory.asSlice(0, bytes);
      for (int round = 0; round < rounds; round++) {
        target.fill((byte) 0);
        MemoryRegion region =
            server.domain.register(target, EnumSet.of(RemoteAccess.WRITE, RemoteAccess.READ));
        AtomicBoolean stop = new AtomicBoolean();
        List<CompletableFuture<?>> floods = new ArrayList<>();
        for (int w = 0; w < writers; w++) {
          byte value = (byte) (1 + w);
          floods.add(
              CompletableFuture.runAsync(
                  () -> flood(server, client, clientDomain, region, bytes, value, stop), pool));
        }
        // Not before something has landed.
        while (target.get(ValueLayout.JAVA_BYTE, bytes - 1) == 0) {
          assertThat(floods).as("floods under way").noneMatch(CompletableFuture::isDone);
          Thread.onSpinWait();
        }
        region.invalidate().toCompletableFuture().get(60, TimeUnit.SECONDS);
        // From here on the memory is somebody else's.
        target.fill((byte) 0x77);
        for (CompletableFuture<?> flood : floods) {
          flood.get(60, TimeUnit.SECONDS);
        }
        stop.set(true);
        for (long i = 0; i < bytes; i++) {
          if (target.get(ValueLayout.JAVA_BYTE, i) != 0x77) {
            throw new AssertionError("round " + round + ": an octet landed at " + i);
          }
        }
      }
    }
  }

  /** Writes until it is refused. */
  private static void flood(
      Server server,
      IwarpProvider client,
      io.selkie.rdma.ProtectionDomain domain,
      MemoryRegion region,
      int bytes,
      byte value,
      AtomicBoolean stop) {
    try (QueuePair pair =
        client.connect(
            server.address(),
            domain,
            new ConnectOptions(ByteBuffer.allocate(0), 8, 8, 0, 60_000))) {
      MemorySegment source = server.arena.allocate(bytes);
      source.fill(value);
      MemoryRegion local = domain.register(source, Set.of());
      while (!stop.get()) {
        PostResult posted =
            pair.postWriteAndConfirm(local, source, region.key(), region.remoteAddress(), 1);
        if (posted == PostResult.BROKEN) {
          return;
        }
        pair.completions().await((id, status) -> {}, 8, 10_000_000L);
      }
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void fileCutUnderItsMappingEndsTheQueuePairAndNotTheProcess() throws Exception {
    Path folder = Files.createDirectories(Path.of(System.getProperty("selkie.test.dir", "target")));
    for (int length : new int[] {1, 8, 48, 4096, 100_000}) {
      for (boolean write : new boolean[] {false, true}) {
        Path file = Files.createTempFile(folder, "cut", ".region");
        // The peer may still be writing when it is refused; a server that does not wait for its
        // end,
        // which comes below, would reset the Terminate away.
        IwarpConfig config =
            IwarpConfig.DEFAULTS.withLimits(IwarpLimits.DEFAULTS.withTimes(10_000, 60_000, 0));
        try (Server server = new Server(config);
            FileChannel channel =
                FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
            RawPeer peer = RawPeer.established(server.address())) {
          MemorySegment mapped =
              channel.map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20, server.arena);
          mapped.fill((byte) 1);
          MemoryRegion region =
              server.domain.register(mapped, EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE));
          channel.truncate(4096);
          long at = region.remoteAddress() + (512 << 10);
          if (write) {
            int left = length;
            while (left > 0) {
              int part = Math.min(left, 32 << 10);
              left -= part;
              peer.ulpdu(Frames.tagged(0, left == 0, region.key(), at, new byte[part]));
            }
          } else {
            peer.ulpdu(Frames.readRequest(1, 5, 0, length, region.key(), at));
          }
          assertThat(peer.readTerminate().code()).isEqualTo(write ? "1/1/01" : "0/1/01");
          peer.close();
          assertThat(server.awaitClosed().kind()).isEqualTo(DisconnectCause.Kind.LOCAL_ERROR);
          region.invalidate().toCompletableFuture().get(60, TimeUnit.SECONDS);
        } finally {
          Files.delete(file);
        }
      }
    }
  }

  @Test
  void copyFromACutFileFailsItselfInCompiledCodeToo() throws Exception {
    Path folder = Files.createDirectories(Path.of(System.getProperty("selkie.test.dir", "target")));
    Path file = Files.createTempFile(folder, "cut", ".region");
    try (Server server = new Server();
        FileChannel channel =
            FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      MemorySegment mapped = channel.map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20, server.arena);
      IwarpRegion region =
          (IwarpRegion)
              server.domain.register(mapped, EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE));
      int[] lengths = {1, 7, 8, 63, 64, 4096, 32 << 10};
      for (int i = 0; i < 60_000; i++) {
        int length = lengths[i % lengths.length];
        assertThat(copies(region, server.memory, length, i % 2 == 0, 0)).isTrue();
      }
      channel.truncate(64 << 10);
      for (int length : lengths) {
        assertThat(copies(region, server.memory, length, true, 512 << 10)).isFalse();
        assertThat(copies(region, server.memory, length, false, 512 << 10)).isFalse();
      }
    } finally {
      Files.delete(file);
    }
  }

  private static boolean copies(
      IwarpRegion region, MemorySegment other, int length, boolean out, long offset) {
    return out ? region.copyOut(offset, other, 0, length) : region.copyIn(other, 0, offset, length);
  }
}
