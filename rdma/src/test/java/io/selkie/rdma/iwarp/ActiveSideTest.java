package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.QueuePair;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: the initiator tells its caller exactly which request met which error, and bears any peer.
 *
 * <p>Method: the responder is hand-made and answers octet by octet.
 */
@Timeout(300)
class ActiveSideTest {

  private static final int KEY = 0x0BADCAFE;
  private static final int BYTES = 1000;

  private final Arena arena = Arena.ofShared();
  private IwarpProvider provider;
  private MemorySegment local;
  private MemoryRegion region;
  private QueuePair pair;
  private RawPeer peer;

  @BeforeEach
  void start() throws Exception {
    connect(8);
  }

  private void connect(int inboundReads) throws Exception {
    provider = new IwarpProvider(IwarpConfig.DEFAULTS);
    var domain = provider.allocateProtectionDomain("initiator");
    local = arena.allocate(64 << 10);
    region = domain.register(local, Set.of());
    try (ServerSocket listening = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      CompletableFuture<RawPeer> accepted =
          CompletableFuture.supplyAsync(() -> {
            try {
              RawPeer made = new RawPeer(listening.accept());
              made.reply();
              byte[] enhanced = ByteBuffer.allocate(4).putInt(inboundReads << 16 | 4).array();
              made.write(Frames.mpa("MPA ID Rep Frame", 0x50, 2, enhanced));
              return made;
            } catch (IOException e) {
              throw new java.io.UncheckedIOException(e);
            }
          });
      pair =
          provider.connect(
              new InetSocketAddress(InetAddress.getLoopbackAddress(), listening.getLocalPort()),
              domain,
              new ConnectOptions(ByteBuffer.allocate(0), 16, 8, 0, 60_000));
      peer = accepted.get(60, TimeUnit.SECONDS);
    }
  }

  @AfterEach
  void stop() throws Exception {
    peer.close();
    provider.close();
    arena.close();
  }

  private MemorySegment part(int index) {
    return local.asSlice((long) index * BYTES, BYTES);
  }

  private void read(int index) {
    pair.postRead(region, part(index), KEY, 100_000L + index, index);
  }

  private void write(int index, boolean confirmed) {
    if (confirmed) {
      pair.postWriteAndConfirm(region, part(index), KEY, 100_000L * index, index);
    } else {
      pair.postWrite(region, part(index), KEY, 100_000L * index, index);
    }
  }

  private List<String> reap(int count) throws InterruptedException {
    List<String> all = new ArrayList<>();
    while (all.size() < count) {
      int given =
          pair.completions()
              .await((id, status) -> all.add(id + " " + status), count, 60_000_000_000L);
      assertThat(given).as("completions after %s", all).isPositive();
    }
    return all;
  }

  /** An RDMA Read Response to the request the peer has read. */
  private byte[] responseTo(ByteBuffer request) {
    return Frames.tagged(
        2, true, request.getInt(18), request.getLong(22), new byte[request.getInt(30)]);
  }

  private byte[] terminate(int control, byte[] header) {
    return Frames.untagged(
        7,
        true,
        0,
        2,
        1,
        0,
        ByteBuffer.allocate(4 + (header.length == 0 ? 0 : 2) + header.length)
            .putInt(control << 16 | (header.length == 0 ? 0 : 0xC000))
            .put(header.length == 0 ? new byte[0] : new byte[] {0, 50})
            .put(header)
            .array());
  }

  @Test
  void terminateOfAReadHitsTheReadItNames() throws Exception {
    read(1);
    read(2);
    read(3);
    ByteBuffer first = peer.readUlpdu();
    ByteBuffer second = peer.readUlpdu();
    peer.ulpdu(responseTo(first));
    byte[] header = new byte[18];
    second.get(0, header);
    peer.ulpdu(terminate(0x0100, header));
    assertThat(reap(3)).containsExactly("1 SUCCESS", "2 REMOTE_ACCESS_ERROR", "3 FLUSHED");
    assertThat(pair.disconnectCause().kind()).isEqualTo(DisconnectCause.Kind.REMOTE_ERROR);
    assertThat(pair.disconnectCause().detail()).contains("invalid STag").contains("layer 0");
    assertThat(provider.statistics().terminatesReceived()).containsEntry("RDMAP_INVALID_STAG", 1L);
  }

  @Test
  void terminateOfAWriteHitsTheWriteThatCoversItsOffset() throws Exception {
    write(1, true);
    write(2, true);
    write(3, true);
    peer.ulpdu(terminate(0x1101, Frames.tagged(0, true, KEY, 200_000L + BYTES / 2, new byte[0])));
    assertThat(reap(3)).containsExactly("1 FLUSHED", "2 REMOTE_ACCESS_ERROR", "3 FLUSHED");
  }

  @Test
  void terminateOfAnUnconfirmedWriteHitsTheOldestRequest() throws Exception {
    write(1, false);
    assertThat(reap(1)).containsExactly("1 SUCCESS");
    read(2);
    peer.ulpdu(terminate(0x1100, Frames.tagged(0, true, KEY, 100_000L, new byte[0])));
    assertThat(reap(1)).containsExactly("2 REMOTE_ACCESS_ERROR");
  }

  @Test
  void terminateThatNamesNothingHitsTheOldestRequest() throws Exception {
    read(1);
    read(2);
    peer.ulpdu(terminate(0x2002, new byte[0]));
    assertThat(reap(2)).containsExactly("1 PROTOCOL_ERROR", "2 FLUSHED");
  }

  @Test
  void terminateNoRfcDefinesIsAProtocolError() throws Exception {
    read(1);
    peer.ulpdu(terminate(0x9876, new byte[0]));
    assertThat(reap(1)).containsExactly("1 PROTOCOL_ERROR");
    assertThat(provider.statistics().terminatesReceived()).containsEntry("UNKNOWN", 1L);
  }

  @Test
  void terminateAndCloseWhileAWriteIsUnderWayIsStillRead() throws Exception {
    for (int i = 0; i < 8; i++) {
      pair.postWrite(region, local, KEY, 0, i);
    }
    peer.ulpdu(terminate(0x1100, Frames.tagged(0, true, KEY, 0, new byte[0])));
    peer.shutdownOutput();
    write(9, true);
    List<String> all = reap(9);
    assertThat(all).filteredOn(line -> line.endsWith("REMOTE_ACCESS_ERROR")).hasSizeLessThan(2);
    assertThat(pair.disconnectCause().detail()).contains("invalid STag");
  }

  private void assertWeTerminate(byte[] response, String code) throws Exception {
    read(1);
    read(2);
    peer.readUlpdu();
    peer.readUlpdu();
    MemorySegment before = arena.allocate(local.byteSize()).copyFrom(local);
    peer.ulpdu(response);
    assertThat(reap(2)).containsExactly("1 PROTOCOL_ERROR", "2 FLUSHED");
    assertThat(peer.readTerminate().code()).isEqualTo(code);
    assertThat(peer.isEnded()).isTrue();
    assertThat(local.mismatch(before)).isEqualTo(-1);
    assertThat(pair.disconnectCause().kind()).isEqualTo(DisconnectCause.Kind.LOCAL_ERROR);
  }

  private long sink() {
    return region.remoteAddress() + BYTES;
  }

  private static byte[] ones(int count) {
    byte[] ones = new byte[count];
    java.util.Arrays.fill(ones, (byte) 1);
    return ones;
  }

  @Test
  void responseForAnotherKeyIsAnError() throws Exception {
    assertWeTerminate(Frames.tagged(2, true, region.key() + 1, sink(), ones(BYTES)), "1/1/00");
  }

  @Test
  void responseAtAnotherOffsetIsAnError() throws Exception {
    assertWeTerminate(Frames.tagged(2, true, region.key(), sink() + 1, ones(BYTES)), "1/1/01");
  }

  @Test
  void responseLongerThanAskedForIsAnError() throws Exception {
    assertWeTerminate(Frames.tagged(2, true, region.key(), sink(), ones(BYTES + 1)), "1/1/01");
  }

  @Test
  void responseThatEndsEarlyIsAnError() throws Exception {
    assertWeTerminate(Frames.tagged(2, true, region.key(), 0, new byte[0]), "0/2/07");
  }

  @Test
  void writeToALocalBufferIsAnError() throws Exception {
    assertWeTerminate(Frames.tagged(0, true, region.key(), sink(), ones(8)), "1/1/00");
  }

  @Test
  void readOfALocalBufferIsAnError() throws Exception {
    assertWeTerminate(
        Frames.readRequest(1, 1, 1, 8, region.key(), region.remoteAddress()), "0/1/00");
  }

  @Test
  void sendWithNobodyToTakeItIsAnError() throws Exception {
    assertWeTerminate(Frames.send(1, new byte[3]), "1/2/02");
  }

  @Test
  void lostConnectionHitsTheOldestRequestAndFlushesTheRest() throws Exception {
    read(1);
    read(2);
    read(3);
    peer.ulpdu(responseTo(peer.readUlpdu()));
    assertThat(reap(1)).containsExactly("1 SUCCESS");
    peer.reset();
    assertThat(reap(2)).containsExactly("2 CONNECTION_LOST", "3 FLUSHED");
    assertThat(pair.isUp()).isFalse();
  }

  @Test
  void noMoreReadsThanThePeerTakesAreOnTheWire() throws Exception {
    peer.close();
    provider.close();
    connect(2);
    for (int i = 0; i < 6; i++) {
      read(i);
    }
    for (int i = 0; i < 6; i += 2) {
      ByteBuffer first = peer.readUlpdu();
      ByteBuffer second = peer.readUlpdu();
      pair.completions().poll((id, status) -> {}, 1);
      assertThat(provider.statistics().get(IwarpStatistics.Counter.READS_OUT)).isEqualTo(i + 2);
      peer.ulpdu(responseTo(first)).ulpdu(responseTo(second));
      assertThat(reap(2)).containsExactly(i + " SUCCESS", (i + 1) + " SUCCESS");
    }
  }

  @Test
  void invalidationOfALocalRegionWaitsForItsOctetsAndAbortEndsTheWait() throws Exception {
    // The peer does not read; far more than the sockets hold is posted.
    MemorySegment large = arena.allocate(64 << 20);
    MemoryRegion source = pair.domain().register(large, Set.of());
    pair.postWrite(source, large, KEY, 0, 1);
    CompletableFuture<Void> invalidated = source.invalidate().toCompletableFuture();
    assertThat(invalidated).isNotDone();
    assertThat(pair.isUp()).isTrue();
    source.abortAccesses();
    invalidated.get(60, TimeUnit.SECONDS);
    assertThat(pair.disconnectCause().kind()).isEqualTo(DisconnectCause.Kind.LOCAL_ABORT);
    assertThat(reap(1)).containsExactly("1 FLUSHED");
  }

  @Test
  void responseInManyPiecesIsPutTogether() throws Exception {
    read(1);
    ByteBuffer request = peer.readUlpdu();
    byte[] data = new byte[BYTES];
    new java.util.SplittableRandom(3).nextBytes(data);
    for (int at = 0; at < BYTES; at += 7) {
      int end = Math.min(BYTES, at + 7);
      byte[] fpdu =
          Frames.fpdu(
              Frames.tagged(
                  2,
                  end == BYTES,
                  request.getInt(18),
                  request.getLong(22) + at,
                  java.util.Arrays.copyOfRange(data, at, end)));
      for (byte octet : fpdu) {
        peer.write(new byte[] {octet});
      }
    }
    assertThat(reap(1)).containsExactly("1 SUCCESS");
    assertThat(part(1).mismatch(MemorySegment.ofArray(data))).isEqualTo(-1);
    assertThat(pair.isUp()).isTrue();
  }
}
