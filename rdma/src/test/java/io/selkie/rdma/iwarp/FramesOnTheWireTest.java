package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.QueuePair.PostResult;
import io.selkie.rdma.RemoteAccess;
import io.selkie.rdma.WorkStatus;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: the octets are those of the RFCs.
 *
 * <p>Method: the two examples of RFC 5044 section 4.4 as they are printed there, and frames of the
 * engine without a socket, compared with ones made by hand.
 */
@Timeout(120)
class FramesOnTheWireTest {

  private static final String ZEROES_24 = "00".repeat(24);

  /**
   * RFC 5044 figure 5, without the marker in front (and so with another CRC, of our own making).
   */
  private static final String FIGURE_5_ULPDU =
      "4143 00000000 00000000 00000001 00000000" + ZEROES_24;

  private final Arena arena = Arena.ofShared();
  private final IwarpProvider provider = new IwarpProvider(IwarpConfig.DEFAULTS);
  private final IwarpDomain domain =
      (IwarpDomain) provider.allocateProtectionDomain("frames on the wire");
  private final SendQueue queue = new SendQueue(16);

  @AfterEach
  void stop() {
    provider.close();
    arena.close();
  }

  @Test
  void crcOfFigure5IsInTheOrderOfTheRfc() {
    byte[] covered = Frames.bytes("00000000 002a" + FIGURE_5_ULPDU);
    CRC32C crc = new CRC32C();
    crc.update(covered);
    assertThat(ByteBuffer.allocate(4).putInt(Integer.reverseBytes((int) crc.getValue())).array())
        .isEqualTo(Frames.bytes("52239983"));
  }

  @Test
  void firstSendWithMarkersIsFigure5() throws Exception {
    IwarpConnection connection = active(0x80, IwarpConfig.DEFAULTS.withMpaRevision(1));
    MemorySegment zeroes = arena.allocate(24);
    var region = (IwarpRegion) domain.register(zeroes, Set.of());
    post(SendQueue.Kind.SEND, region, 0, 24, 0, 0);
    assertThat(produce(connection))
        .isEqualTo(Frames.bytes("00000000 002a" + FIGURE_5_ULPDU + "52239983"));
  }

  @Test
  void sendThatHoldsAMarkerIsFigure6() throws Exception {
    IwarpConnection connection = active(0x80, IwarpConfig.DEFAULTS.withMpaRevision(1));
    MemorySegment zeroes = arena.allocate(1024);
    var region = (IwarpRegion) domain.register(zeroes, Set.of());
    // The RFC's first FPDU has 492 octets (0x1ec), the marker in front of it included.
    int first = 492 - 4 - 2 - 18 - 4;
    post(SendQueue.Kind.SEND, region, 0, first, 0, 0);
    assertThat(produce(connection)).hasSize(492);
    post(SendQueue.Kind.SEND, region, 0, 24, 0, 0);
    assertThat(produce(connection))
        .isEqualTo(
            Frames.bytes(
                "002a 4143 00000000 00000000 00000002 00000000 00000014" + ZEROES_24 + "84925898"));
  }

  @Test
  void everyMarkerOfALongStreamPointsToItsFpdu() throws Exception {
    IwarpConnection connection = active(0x80, IwarpConfig.DEFAULTS.withMpaRevision(1));
    MemorySegment memory = arena.allocate(200_000);
    SplittableRandom random = new SplittableRandom(7);
    for (int i = 0; i < 200_000; i++) {
      memory.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
    var region = (IwarpRegion) domain.register(memory, Set.of());
    ByteBuffer stream = ByteBuffer.allocate(2 << 20);
    for (int i = 0; i < 40; i++) {
      post(SendQueue.Kind.WRITE, region, 0, i < 30 ? i * 37 : 150_000 + i, 5, 1000);
      stream.put(produce(connection));
      queue.reap(new SendQueue.Completion());
    }
    assertMarkers(stream.flip());
  }

  private static void assertMarkers(ByteBuffer stream) {
    int at = 0;
    int frames = 0;
    while (at < stream.limit()) {
      int frame = at;
      int lengthField = at % 512 == 0 ? at + 4 : at;
      int total = (2 + (stream.getShort(lengthField) & 0xFFFF) + 3) / 4 * 4;
      CRC32C crc = new CRC32C();
      int seen = 0;
      while (seen < total) {
        if (at % 512 == 0) {
          assertThat(stream.getInt(at)).isEqualTo(at < lengthField ? 0 : at - lengthField);
          at += 4;
        } else {
          at++;
          seen++;
        }
      }
      if (at % 512 == 0) {
        assertThat(stream.getInt(at)).isEqualTo(at - lengthField);
        at += 4;
      }
      crc.update(stream.slice(frame, at - frame));
      assertThat(Integer.reverseBytes(stream.getInt(at))).isEqualTo((int) crc.getValue());
      at += 4;
      frames++;
    }
    assertThat(frames).isGreaterThan(60);
  }

  @Test
  void writeIsOneTaggedSegment() throws Exception {
    IwarpConnection connection = active(0, IwarpConfig.DEFAULTS.withMpaRevision(1));
    var region = pattern(3);
    post(SendQueue.Kind.WRITE, region, 0, 3, 0xCAFEBABE, 0x1122334455667788L);
    assertThat(produce(connection))
        .isEqualTo(Frames.fpdu(Frames.bytes("c1 40 cafebabe 1122334455667788 000102")));
  }

  @Test
  void confirmedWriteIsAWriteAndAReadOfNothingInOneFlush() throws Exception {
    IwarpConnection connection = active(0, IwarpConfig.DEFAULTS.withMpaRevision(1));
    var region = pattern(4);
    post(SendQueue.Kind.WRITE_AND_CONFIRM, region, 0, 4, 0xCAFEBABE, 0x1000);
    byte[] write = Frames.fpdu(Frames.bytes("c1 40 cafebabe 0000000000001000 00010203"));
    byte[] read =
        Frames.fpdu(
            Frames.bytes(
                "41 41 00000000 00000001 00000001 00000000"
                    + "00000000 0000000000000000 00000000 cafebabe 0000000000001000"));
    assertThat(produce(connection))
        .isEqualTo(ByteBuffer.allocate(write.length + read.length).put(write).put(read).array());
  }

  @Test
  void readRequestNamesSinkSizeAndSource() throws Exception {
    IwarpConnection connection = active(0, IwarpConfig.DEFAULTS.withMpaRevision(1));
    var region = pattern(100);
    post(SendQueue.Kind.READ, region, 10, 20, 0xCAFEBABE, 0x1000);
    assertThat(produce(connection))
        .isEqualTo(
            Frames.fpdu(
                Frames.readRequest(
                    1, region.key(), region.remoteAddress() + 10, 20, 0xCAFEBABE, 0x1000)));
  }

  @Test
  void sendWithInvalidateNamesTheKey() throws Exception {
    IwarpConnection connection = active(0, IwarpConfig.DEFAULTS.withMpaRevision(1));
    post(SendQueue.Kind.SEND_INVALIDATE, pattern(2), 0, 2, 0xCAFEBABE, 0);
    assertThat(produce(connection))
        .isEqualTo(Frames.fpdu(Frames.bytes("41 44 cafebabe 00000000 00000001 00000000 0001")));
  }

  @Test
  void longMessagesAreCutWithLastOnlyAtTheEnd() throws Exception {
    IwarpLimits limits = IwarpLimits.DEFAULTS.withMaxFpduPayloadBytes(512);
    IwarpConnection connection =
        active(0, IwarpConfig.DEFAULTS.withMpaRevision(1).withLimits(limits));
    var region = pattern(1100);
    post(SendQueue.Kind.WRITE, region, 0, 1100, 1, 50);
    ByteBuffer out = ByteBuffer.wrap(produce(connection));
    int[] payloads = {512, 512, 76};
    long offset = 50;
    for (int i = 0; i < payloads.length; i++) {
      byte[] fpdu = new byte[(2 + 14 + payloads[i] + 3) / 4 * 4 + 4];
      out.get(fpdu);
      byte[] payload = new byte[payloads[i]];
      for (int j = 0; j < payload.length; j++) {
        payload[j] = (byte) (offset - 50 + j);
      }
      assertThat(fpdu).isEqualTo(Frames.fpdu(Frames.tagged(0, i == 2, 1, offset, payload)));
      offset += payload.length;
    }
    assertThat(out.hasRemaining()).isFalse();
  }

  @Test
  void requestOfRevision2OffersReadDepthsAndEveryWayToSayReady() throws Exception {
    IwarpConnection connection =
        IwarpConnection.active(
            IwarpConfig.DEFAULTS,
            provider.statistics(),
            provider.regions(),
            domain,
            queue,
            ByteBuffer.wrap(Frames.bytes("aabbcc")),
            17,
            false);
    assertThat(produce(connection))
        .isEqualTo(Frames.mpaRequest(0x50, 2, Frames.bytes("c100 c011 aabbcc")));
  }

  @Test
  void localBufferThatIsNotCoveredFailsAloneAndNothingOfItIsSent() throws Exception {
    IwarpConnection connection = active(0, IwarpConfig.DEFAULTS.withMpaRevision(1));
    post(SendQueue.Kind.WRITE, null, -1, 8, 1, 1);
    post(SendQueue.Kind.READ, pattern(8), 0, 8, 1, 1);
    assertThat(produce(connection))
        .isEqualTo(Frames.fpdu(Frames.untagged(7, true, 0, 2, 1, 0, Frames.bytes("00000000"))));
    SendQueue.Completion completion = new SendQueue.Completion();
    assertThat(queue.reap(completion)).isTrue();
    assertThat(completion.status).isEqualTo(WorkStatus.LOCAL_PROTECTION_ERROR);
    assertThat(queue.reap(completion)).isTrue();
    assertThat(completion.status).isEqualTo(WorkStatus.FLUSHED);
  }

  private IwarpRegion pattern(int bytes) throws Exception {
    MemorySegment memory = arena.allocate(bytes);
    for (int i = 0; i < bytes; i++) {
      memory.set(ValueLayout.JAVA_BYTE, i, (byte) i);
    }
    return (IwarpRegion) domain.register(memory, EnumSet.noneOf(RemoteAccess.class));
  }

  private void post(
      SendQueue.Kind kind, IwarpRegion region, long offset, long length, int key, long address) {
    assertThat(queue.post(kind, region, offset, length, key, address, 1))
        .isEqualTo(PostResult.POSTED);
  }

  /** An active connection that a peer has accepted with these flags. */
  private IwarpConnection active(int replyFlags, IwarpConfig config) {
    IwarpConnection connection =
        IwarpConnection.active(
            config,
            provider.statistics(),
            provider.regions(),
            domain,
            queue,
            ByteBuffer.allocate(0),
            8,
            false);
    assertThat(produce(connection)).isEqualTo(Frames.mpaRequest(0x40, 1, new byte[0]));
    ReceiveBuffer in = new ReceiveBuffer(128 << 10, false);
    byte[] reply = Frames.mpa("MPA ID Rep Frame", replyFlags, 1, new byte[0]);
    in.room().put(reply);
    in.received(reply.length);
    assertThat(connection.receive(in)).isEqualTo(IwarpConnection.Signal.ACCEPTED);
    return connection;
  }

  private static byte[] produce(IwarpConnection connection) {
    ByteBuffer all = ByteBuffer.allocate(1 << 20);
    while (connection.hasOutput()) {
      Chunk chunk = new Chunk(160 << 10, false);
      connection.produce(chunk);
      int length = chunk.bytes().position();
      all.put(chunk.bytes().flip());
      connection.written(length);
      chunk.release();
    }
    byte[] copy = new byte[all.position()];
    all.flip().get(copy);
    return copy;
  }
}
