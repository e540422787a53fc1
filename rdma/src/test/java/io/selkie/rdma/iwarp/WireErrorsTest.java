package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.RemoteAccess;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: every error a peer can make is answered by the Terminate its RFC names, and nothing is
 * placed.
 *
 * <p>Method: a peer that sends hand-made octets over a real socket. Codes are written as
 * layer/type/code in hexadecimal.
 */
@Timeout(300)
class WireErrorsTest {

  private static final byte[] PAYLOAD = Frames.bytes("0102030405060708");

  private Server server;

  @BeforeEach
  void start() throws Exception {
    server = new Server();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  /** Sends one ULPDU; its Terminate must have this code and these headers, and end everything. */
  private void expect(String code, boolean ddp, boolean rdmap, byte[] ulpdu) throws Exception {
    byte[] before = server.contents(0, Server.REGION_BYTES);
    try (RawPeer peer = RawPeer.established(server.address())) {
      // Behind the wrong one another that would be right: it must not be placed.
      peer.write(
          Frames.fpdu(ulpdu),
          Frames.fpdu(Frames.tagged(0, true, server.key(), server.base(), PAYLOAD)));
      RawPeer.Terminate terminate = peer.readTerminate();
      assertThat(terminate.code()).isEqualTo(code);
      assertThat(terminate.m()).as("M").isEqualTo(ddp);
      assertThat(terminate.d()).as("D").isEqualTo(ddp);
      assertThat(terminate.r()).as("R").isEqualTo(rdmap);
      if (ddp) {
        int header = (ulpdu[0] & 0x80) != 0 ? 14 : 18;
        int copied = header + (rdmap ? 28 : 0);
        assertThat(terminate.rest().getShort(0) & 0xFFFF)
            .as("DDP segment length")
            .isEqualTo(ulpdu.length);
        byte[] echoed = new byte[copied];
        terminate.rest().get(2, echoed);
        assertThat(echoed).isEqualTo(Arrays.copyOf(ulpdu, copied));
        assertThat(terminate.rest().capacity()).isEqualTo(2 + copied);
      } else {
        assertThat(terminate.rest().capacity()).isZero();
      }
      assertThat(peer.isEnded()).isTrue();
    }
    DisconnectCause cause = server.awaitClosed();
    assertThat(cause.kind()).isEqualTo(DisconnectCause.Kind.LOCAL_ERROR);
    assertThat(server.contents(0, Server.REGION_BYTES)).isEqualTo(before);
    assertThat(server.provider.statistics().terminatesSent()).hasSize(1);
  }

  private byte[] write(int key, long offset) {
    return Frames.tagged(0, true, key, offset, PAYLOAD);
  }

  private byte[] read(int key, long offset, int bytes) {
    return Frames.readRequest(1, 7, 0, bytes, key, offset);
  }

  @Test
  void writeWithAnUnknownKey() throws Exception {
    expect("1/1/00", true, false, write(server.key() ^ 0x5A5A5A5A, server.base()));
  }

  @Test
  void writeWithAnInvalidatedKey() throws Exception {
    server.region.invalidate().toCompletableFuture().get();
    expect("1/1/00", true, false, write(server.key(), server.base()));
  }

  @Test
  void writeToAnotherDomain() throws Exception {
    try (var other = server.provider.allocateProtectionDomain("another")) {
      var region = other.register(server.memory, java.util.Set.of(RemoteAccess.WRITE));
      expect("1/1/02", true, false, write(region.key(), region.remoteAddress()));
    }
  }

  @Test
  void writeWithoutTheRight() throws Exception {
    var region = server.register(RemoteAccess.READ);
    expect("1/1/00", true, false, write(region.key(), region.remoteAddress()));
  }

  @Test
  void writeBelowTheBase() throws Exception {
    expect("1/1/01", true, false, write(server.key(), server.base() - 1));
  }

  @Test
  void writeAcrossTheEnd() throws Exception {
    expect("1/1/01", true, false, write(server.key(), server.base() + Server.REGION_BYTES - 7));
  }

  @Test
  void writeWhoseOffsetWraps() throws Exception {
    expect("1/1/03", true, false, write(server.key(), -4L));
  }

  @Test
  void taggedSegmentOfAnotherDdpVersion() throws Exception {
    expect("1/1/04", true, false, Frames.with(write(server.key(), server.base()), 0, 0xC2));
  }

  @Test
  void untaggedSegmentOfAnotherDdpVersion() throws Exception {
    expect("1/2/06", true, false, Frames.with(Frames.send(1, PAYLOAD), 0, 0x40));
  }

  @Test
  void segmentOfAnotherRdmapVersion() throws Exception {
    expect("0/2/05", true, false, Frames.with(write(server.key(), server.base()), 1, 0x80));
  }

  @Test
  void taggedSegmentWithAnOpcodeOfUntaggedOnes() throws Exception {
    expect("0/2/06", true, false, Frames.tagged(3, true, server.key(), server.base(), PAYLOAD));
  }

  @Test
  void readResponseNobodyAskedFor() throws Exception {
    expect("0/2/06", true, false, Frames.tagged(2, true, server.key(), server.base(), PAYLOAD));
  }

  @Test
  void opcodeOfAnotherQueue() throws Exception {
    expect("0/2/06", true, false, Frames.untagged(1, true, 0, 0, 1, 0, PAYLOAD));
  }

  @Test
  void reservedOpcode() throws Exception {
    expect("0/2/06", true, false, Frames.untagged(0xC, true, 0, 0, 1, 0, PAYLOAD));
  }

  @Test
  void queueThatIsNone() throws Exception {
    expect("1/2/01", true, false, Frames.untagged(3, true, 0, 3, 1, 0, PAYLOAD));
  }

  @Test
  void sendOutOfSequence() throws Exception {
    expect("1/2/03", true, false, Frames.send(2, PAYLOAD));
  }

  @Test
  void sendWithAHole() throws Exception {
    expect("1/2/04", true, false, Frames.untagged(3, true, 0, 0, 1, 8, PAYLOAD));
  }

  @Test
  void sendTooLong() throws Exception {
    expect("1/2/05", true, false, Frames.send(1, new byte[4097]));
  }

  @Test
  void sendThatInvalidatesAnUnknownKey() throws Exception {
    expect("0/1/09", true, false, Frames.untagged(4, true, 12345, 0, 1, 0, PAYLOAD));
  }

  @Test
  void sendThatInvalidatesAKeyOfAnotherDomain() throws Exception {
    try (var other = server.provider.allocateProtectionDomain("another")) {
      var region = other.register(server.memory, java.util.Set.of(RemoteAccess.WRITE));
      expect("0/1/09", true, false, Frames.untagged(6, true, region.key(), 0, 1, 0, PAYLOAD));
      assertThat(region.isValid()).isTrue();
    }
  }

  @Test
  void readOutOfSequence() throws Exception {
    expect("1/2/03", true, false, Frames.readRequest(9, 7, 0, 8, server.key(), server.base()));
  }

  @Test
  void readRequestTooLong() throws Exception {
    expect("1/2/05", true, false, Frames.untagged(1, true, 0, 1, 1, 0, new byte[29]));
  }

  @Test
  void readRequestTooShort() throws Exception {
    expect("0/2/07", true, false, Frames.untagged(1, true, 0, 1, 1, 0, new byte[27]));
  }

  @Test
  void readWithAnUnknownKey() throws Exception {
    expect("0/1/00", true, true, read(server.key() ^ 0x5A5A5A5A, server.base(), 8));
  }

  @Test
  void readOfAnotherDomain() throws Exception {
    try (var other = server.provider.allocateProtectionDomain("another")) {
      var region = other.register(server.memory, java.util.Set.of(RemoteAccess.READ));
      expect("0/1/03", true, true, read(region.key(), region.remoteAddress(), 8));
    }
  }

  @Test
  void readWithoutTheRight() throws Exception {
    var region = server.register(RemoteAccess.WRITE);
    expect("0/1/02", true, true, read(region.key(), region.remoteAddress(), 8));
  }

  @Test
  void readAcrossTheEnd() throws Exception {
    expect("0/1/01", true, true, read(server.key(), server.base(), Server.REGION_BYTES + 1));
  }

  @Test
  void readOfFourGigabytes() throws Exception {
    expect("0/1/01", true, true, read(server.key(), server.base(), -1));
  }

  @Test
  void readWhoseOffsetWraps() throws Exception {
    expect("0/1/04", true, true, read(server.key(), -4L, 8));
  }

  @Test
  void segmentShorterThanItsHeader() throws Exception {
    expect("2/0/03", false, false, new byte[13]);
  }

  @Test
  void untaggedSegmentShorterThanItsHeader() throws Exception {
    expect("2/0/03", false, false, Arrays.copyOf(Frames.send(1, new byte[0]), 17));
  }

  @Test
  void wrongCrc() throws Exception {
    byte[] before = server.contents(0, 64);
    try (RawPeer peer = RawPeer.established(server.address())) {
      peer.write(Frames.fpdu(write(server.key(), server.base()), 1));
      RawPeer.Terminate terminate = peer.readTerminate();
      assertThat(terminate.code()).isEqualTo("2/0/02");
      assertThat(terminate.m() || terminate.d() || terminate.r()).isFalse();
      assertThat(peer.isEnded()).isTrue();
    }
    assertThat(server.contents(0, 64)).isEqualTo(before);
  }

  @Test
  void moreReadsThanTheQueueHolds() throws Exception {
    server.close();
    server = new Server(IwarpConfig.DEFAULTS.withLimits(IwarpLimits.DEFAULTS.withPeers(8, 2)));
    byte[][] requests = new byte[3][];
    for (int i = 0; i < 3; i++) {
      requests[i] =
          Frames.fpdu(Frames.readRequest(i + 1, 7, 0, 1 << 20, server.key(), server.base()));
    }
    ByteBuffer all = ByteBuffer.allocate(3 * requests[0].length);
    for (byte[] request : requests) {
      all.put(request);
    }
    try (RawPeer peer = RawPeer.established(server.address())) {
      peer.write(all.array());
      int answered = 0;
      while (answered < 2 << 20) {
        answered += peer.readUlpdu().limit() - 14;
      }
      assertThat(peer.readTerminate().code()).isEqualTo("1/2/02");
    }
  }

  @Test
  void readsAskedForBeforeTheErrorAreAnswered() throws Exception {
    try (RawPeer peer = RawPeer.established(server.address())) {
      peer.write(
          Frames.fpdu(Frames.readRequest(1, 7, 100, 16, server.key(), server.base())),
          Frames.fpdu(Frames.readRequest(2, 8, 200, 16, 999, server.base())));
      ByteBuffer answer = peer.readUlpdu();
      assertThat(answer.get(1) & 0xFF).isEqualTo(0x42);
      assertThat(answer.getInt(2)).isEqualTo(7);
      assertThat(answer.getLong(6)).isEqualTo(100);
      assertThat(peer.readTerminate().code()).isEqualTo("0/1/00");
      assertThat(peer.isEnded()).isTrue();
    }
  }

  @Test
  void keyThatDiesDuringAReadEndsItWithTheHeaderAsFarAsItCame() throws Exception {
    try (RawPeer peer = RawPeer.connectNarrow(server.address())) {
      peer.negotiate();
      int size = Server.REGION_BYTES;
      // Many, so that the sockets' buffers cannot hold the answers.
      for (int i = 1; i <= 16; i++) {
        peer.ulpdu(Frames.readRequest(i, 100 + i, 5000, size, server.key(), server.base()));
      }
      ByteBuffer first = peer.readUlpdu();
      assertThat(first.getLong(6)).isEqualTo(5000);
      var invalidated = server.region.invalidate().toCompletableFuture();
      long placed = first.limit() - 14L;
      int sequence = 1;
      ByteBuffer ulpdu = peer.readUlpdu();
      while ((ulpdu.get(0) & 0x80) != 0) {
        if (ulpdu.getInt(2) != 100 + sequence) {
          sequence++;
          placed = 0;
        }
        placed += ulpdu.limit() - 14;
        ulpdu = peer.readUlpdu();
      }
      invalidated.get();
      assertThat(ulpdu.getInt(18) >>> 16).as("invalid STag").isEqualTo(0x0100);
      ByteBuffer header = ulpdu.slice(24, ulpdu.limit() - 24);
      if (placed == size) {
        sequence++;
        placed = 0;
      }
      assertThat(header.getInt(10)).as("MSN").isEqualTo(sequence);
      assertThat(header.getInt(18)).as("sink STag").isEqualTo(100 + sequence);
      assertThat(header.getLong(22)).as("sink TO").isEqualTo(5000 + placed);
      assertThat(header.getInt(30)).as("octets left").isEqualTo((int) (size - placed));
      assertThat(header.getInt(34)).as("source STag").isEqualTo(server.key());
      assertThat(header.getLong(38)).as("source TO").isEqualTo(server.base() + placed);
    }
  }
}
