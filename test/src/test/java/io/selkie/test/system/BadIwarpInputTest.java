package io.selkie.test.system;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawIwarp;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Goal: whatever arrives at the RDMA port, no byte of a file is read or written that a live handle
 * of the very same client does not allow; the answer is the Terminate that the RFCs name or a
 * closed connection, and another client does not notice.
 *
 * <p>Method: as in {@link BadRpcInputTest}; the attacker has a layout of its own, and after each
 * attack its file is compared with what it was.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BadIwarpInputTest {

  private static final long SEED = 20_261_120;
  private static final int FILE_BYTES = 64 << 10;
  private static final int SINK = 99;

  private ServerUnderTest tested;
  private Bystander bystander;
  private RawNfs attacker;
  private RawNfs.Extent writable;
  private RawNfs.Extent readable;
  private Path file;
  private Path readOnlyFile;
  private final byte[] content = new byte[FILE_BYTES];

  @BeforeAll
  void start() throws Exception {
    tested =
        ServerUnderTest.start(
            ServerUnderTest.LONG_LEASES
                + """
                rdma:
                  handshakeTimeoutMillis: 5000
                """);
    bystander = new Bystander(tested.server());
    Arrays.fill(content, (byte) 'o');
    file = Files.write(tested.server().export().resolve("writable"), content);
    readOnlyFile = Files.write(tested.server().export().resolve("readable"), content);
    attacker = RawNfs.connect(tested.server().nfs(), "attacker");
    writable = extentOf("writable", Op.IOMODE_RW);
    readable = extentOf("readable", Op.IOMODE_READ);
  }

  private RawNfs.Extent extentOf(String name, int ioMode) throws IOException {
    RawNfs.OpenFile opened = attacker.open(tested.server().exportName(), name);
    RawNfs.Layout layout = attacker.layoutGet(opened, opened.stateid(), ioMode, 0, FILE_BYTES);
    assertThat(layout.status()).as("status of LAYOUTGET").isZero();
    return layout.extents().getFirst();
  }

  @AfterEach
  void serverIsSoundAndTheBystanderIsServed() throws Exception {
    tested.assertSound();
    bystander.assertStillServed();
    assertUntouched(writable);
    assertUntouched(readable);
  }

  /** Reads the whole file as a client may: another open of it would break its seal. */
  private void assertUntouched(RawNfs.Extent extent) throws IOException {
    try (RawIwarp queuePair = RawIwarp.connect(tested.server().rdma(), attacker.sessionId())) {
      queuePair.sendBytes(
          RawIwarp.readRequest(1, SINK, 0, FILE_BYTES, extent.key(), extent.storageOffset()));
      byte[] read = new byte[FILE_BYTES];
      for (int missing = FILE_BYTES; missing > 0; ) {
        ByteBuffer segment = queuePair.receive().orElseThrow();
        assertThat(RawIwarp.opcode(segment)).isEqualTo(RawIwarp.OPCODE_READ_RESPONSE);
        int length = segment.remaining() - 14;
        segment.get(14, read, (int) segment.getLong(6), length);
        missing -= length;
      }
      assertThat(read).as("the attacked file").isEqualTo(content);
    }
  }

  @AfterAll
  void stop() throws Exception {
    bystander.close();
    attacker.close();
    assertThat(file).hasBinaryContent(content);
    assertThat(readOnlyFile).hasBinaryContent(content);
    tested.close();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("hopelessRequests")
  void connectionRequestThatIsNoneIsRefusedOrClosed(String name, byte[] request) throws Exception {
    try (RawIwarp iwarp = RawIwarp.connect(tested.server().rdma())) {
      sendAll(iwarp, request);
      Optional<RawIwarp.MpaReply> reply = iwarp.replyOrClosed();
      reply.ifPresent(r -> assertThat(r.rejected()).as("rejected").isTrue());
    }
  }

  static Stream<Arguments> hopelessRequests() {
    byte[] noise = new byte[4096];
    random().nextBytes(noise);
    byte[] session = new byte[16];
    byte[] longData = RawIwarp.request(new byte[512]);
    ByteBuffer.wrap(longData).putShort(18, (short) 0xffff);
    byte[] oldKey = RawIwarp.request(RawIwarp.privateData(session));
    oldKey[9] = 'p';
    byte[] futureRevision = RawIwarp.request(RawIwarp.privateData(session));
    futureRevision[17] = 9;
    byte[] markers = RawIwarp.request(RawIwarp.privateData(session));
    markers[16] |= (byte) 0x80;
    return Stream.of(
        Arguments.of("noise", noise),
        Arguments.of("private data of 65535 bytes", longData),
        Arguments.of("a reply instead of a request", oldKey),
        Arguments.of("revision 9", futureRevision),
        Arguments.of("markers", markers),
        Arguments.of("no private data", RawIwarp.request(new byte[0])),
        Arguments.of("private data of somebody else", RawIwarp.request(new byte[24])),
        Arguments.of("private data cut off", RawIwarp.request("RLQ1".getBytes(US_ASCII))),
        Arguments.of("no such session", RawIwarp.request(RawIwarp.privateData(session))),
        Arguments.of("HTTP", "GET / HTTP/1.1\r\nHost: selkie\r\n\r\n".getBytes(US_ASCII)));
  }

  @Test
  void connectionThatSaysNothingIsClosed() throws Exception {
    try (RawIwarp silent = RawIwarp.connect(tested.server().rdma());
        RawIwarp halfway = RawIwarp.connect(tested.server().rdma())) {
      halfway.sendBytes("MPA ID Re".getBytes(US_ASCII));
      assertThat(silent.replyOrClosed()).isEmpty();
      assertThat(halfway.replyOrClosed()).isEmpty();
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("forbiddenAccesses")
  void forbiddenAccessIsTerminatedWithTheRightCode(
      String name, Attack attack, List<Integer> expected) throws Exception {
    try (RawIwarp queuePair = RawIwarp.connect(tested.server().rdma(), attacker.sessionId())) {
      sendAll(queuePair, attack.bytes(this));
      Optional<Integer> terminate = queuePair.terminateOrClosed();
      assertThat(terminate).as("Terminate").isPresent();
      assertThat(terminate.get()).as("0x%04x: layer, type, code", terminate.get()).isIn(expected);
    }
  }

  /** Bytes that depend on the attacker's handles. */
  @FunctionalInterface
  interface Attack {
    byte[] bytes(BadIwarpInputTest test);
  }

  private static Arguments attack(String name, Attack attack, Integer... expected) {
    return Arguments.of(name, attack, List.of(expected));
  }

  private static byte[] write(int key, long offset, int length) {
    byte[] evil = new byte[length];
    Arrays.fill(evil, (byte) 'x');
    return RawIwarp.fpdu(RawIwarp.tagged(RawIwarp.OPCODE_WRITE, key, offset, evil));
  }

  private static byte[] read(int key, long offset, int length) {
    return RawIwarp.readRequest(1, SINK, 0, length, key, offset);
  }

  private static byte[] withByte(byte[] ulpdu, int at, int value) {
    ulpdu[at] = (byte) value;
    return RawIwarp.fpdu(ulpdu);
  }

  static Stream<Arguments> forbiddenAccesses() {
    return Stream.of(
        attack("write with key 0", t -> write(0, 0, 16), 0x1100),
        attack("write with a key one off", t -> write(t.writable.key() + 1, 0, 16), 0x1100),
        attack(
            "write one byte past the end",
            t -> write(t.writable.key(), t.end(t.writable) - 15, 16),
            0x1101),
        attack(
            "write before the start",
            t -> write(t.writable.key(), t.writable.storageOffset() - 1, 16),
            0x1101,
            0x1103),
        attack("write at 2^64-8", t -> write(t.writable.key(), -8, 16), 0x1101, 0x1103),
        attack(
            "write with a key for reading",
            t -> write(t.readable.key(), t.readable.storageOffset(), 16),
            0x0102,
            0x1100),
        attack("read with key 0", t -> read(0, 0, 16), 0x0100),
        attack("read with a key one off", t -> read(t.writable.key() - 1, 0, 16), 0x0100),
        attack(
            "read one byte past the end",
            t -> read(t.readable.key(), t.end(t.readable) - 15, 16),
            0x0101),
        attack(
            "read 2^32-1 bytes",
            t -> read(t.readable.key(), t.readable.storageOffset(), -1),
            0x0101),
        attack("read at 2^64-8", t -> read(t.readable.key(), -8, 16), 0x0101, 0x0104),
        attack(
            "read with the bystander's key",
            t -> read(t.bystander.key(), t.bystander.storageOffset(), 16),
            0x0103,
            0x0100),
        attack(
            "write with the bystander's key",
            t -> write(t.bystander.key(), t.bystander.storageOffset(), 16),
            0x1102,
            0x1100),
        attack(
            "read response to nothing asked",
            t -> RawIwarp.fpdu(RawIwarp.tagged(2, t.writable.key(), 0, new byte[16])),
            0x1100,
            0x0206,
            0x1102),
        attack(
            "DDP version 2",
            t ->
                withByte(
                    RawIwarp.tagged(0, t.writable.key(), t.writable.storageOffset(), new byte[4]),
                    0,
                    0xc2),
            0x1104),
        attack(
            "RDMAP version 2",
            t ->
                withByte(
                    RawIwarp.tagged(0, t.writable.key(), t.writable.storageOffset(), new byte[4]),
                    1,
                    0x80),
            0x0205),
        attack(
            "opcode 15",
            t -> RawIwarp.fpdu(RawIwarp.untagged(15, 0, 1, new byte[4])),
            0x0206,
            0x1201),
        attack(
            "untagged queue 77",
            t -> RawIwarp.fpdu(RawIwarp.untagged(RawIwarp.OPCODE_SEND, 77, 1, new byte[4])),
            0x1201),
        attack(
            "message number 9 first",
            t -> RawIwarp.fpdu(RawIwarp.untagged(RawIwarp.OPCODE_SEND, 0, 9, new byte[4])),
            0x1203,
            0x1202),
        attack(
            "Send longer than any buffer",
            t -> RawIwarp.fpdu(RawIwarp.untagged(RawIwarp.OPCODE_SEND, 0, 1, new byte[60_000])),
            0x1205),
        attack(
            "read request cut off",
            t -> RawIwarp.fpdu(RawIwarp.untagged(1, 1, 1, new byte[27])),
            0x0206,
            0x0207,
            0x1205,
            0x02ff,
            0x1204),
        attack(
            "bad CRC",
            t -> {
              byte[] fpdu = write(t.writable.key(), t.writable.storageOffset(), 16);
              fpdu[fpdu.length - 1] ^= 1;
              return fpdu;
            },
            0x2002));
  }

  private long end(RawNfs.Extent extent) {
    return extent.storageOffset() + FILE_BYTES;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("hopelessFrames")
  void streamOfNonsenseIsClosed(String name, byte[] stream) throws Exception {
    try (RawIwarp queuePair = RawIwarp.connect(tested.server().rdma(), attacker.sessionId())) {
      sendAll(queuePair, stream);
      queuePair.socket().shutdownOutput();
      queuePair.terminateOrClosed();
    }
  }

  static Stream<Arguments> hopelessFrames() {
    RandomGenerator random = random();
    Stream<Arguments> noise =
        Stream.iterate(0, i -> i < 20, i -> i + 1)
            .map(i -> {
              byte[] bytes = new byte[random.nextInt(1, 5000)];
              random.nextBytes(bytes);
              return Arguments.of("noise " + i, bytes);
            });
    return Stream.concat(
        noise,
        Stream.of(
            Arguments.of("ULPDU of 0 bytes", RawIwarp.fpdu(new byte[0])),
            Arguments.of("ULPDU of 1 byte", RawIwarp.fpdu(new byte[1])),
            Arguments.of("ULPDU of 13 bytes", RawIwarp.fpdu(tagged13())),
            Arguments.of("FPDU cut off", new byte[] {0x7f, (byte) 0xff, 1, 2, 3})));
  }

  private static byte[] tagged13() {
    return Arrays.copyOf(RawIwarp.tagged(0, 1, 0, new byte[0]), 13);
  }

  @Test
  void clientThatSendsTerminateIsLetGo() throws Exception {
    try (RawIwarp queuePair = RawIwarp.connect(tested.server().rdma(), attacker.sessionId())) {
      byte[] terminate = ByteBuffer.allocate(4).putShort((short) 0x0000).array();
      queuePair.sendBytes(
          RawIwarp.fpdu(RawIwarp.untagged(RawIwarp.OPCODE_TERMINATE, 2, 1, terminate)));
      assertThat(queuePair.terminateOrClosed()).as("no Terminate for a Terminate").isEmpty();
    }
  }

  @Test
  void clientThatVanishesInTheMiddleOfWritesLeavesNothingButItsOwnBytes() throws Exception {
    byte[] same = Arrays.copyOf(content, 8192);
    byte[] fpdu =
        RawIwarp.fpdu(
            RawIwarp.tagged(RawIwarp.OPCODE_WRITE, writable.key(), writable.storageOffset(), same));
    for (int cut = 1; cut < fpdu.length; cut += fpdu.length / 23) {
      RawIwarp queuePair = RawIwarp.connect(tested.server().rdma(), attacker.sessionId());
      queuePair.sendBytes(Arrays.copyOf(fpdu, cut));
      queuePair.reset();
    }
  }

  @Test
  void clientThatNeverReadsItsAnswersHoldsNoMemory() throws Exception {
    int count = 200;
    int bytes = 2 << 20;
    Files.write(tested.server().export().resolve("large"), new byte[bytes]);
    RawNfs.OpenFile opened = attacker.open(tested.server().exportName(), "large");
    RawNfs.Layout layout = attacker.layoutGet(opened, opened.stateid(), Op.IOMODE_READ, 0, bytes);
    assertThat(layout.status()).isZero();
    RawNfs.Extent large = layout.extents().getFirst();
    long before = tested.server().residentKib();
    try (RawIwarp queuePair = RawIwarp.connect(tested.server().rdma(), attacker.sessionId())) {
      // 400 MiB of answers, of which nobody takes any: within the reads that a peer may have out.
      for (int message = 1; message <= count; message++) {
        queuePair.sendBytes(
            RawIwarp.readRequest(message, SINK, 0, bytes, large.key(), large.storageOffset()));
      }
      for (int i = 0; i < 20; i++) {
        bystander.assertStillServed();
      }
      assertThat(tested.server().residentKib() - before).as("KiB more").isLessThan(64 << 10);
      // It was not ended for asking: the first answer is there.
      assertThat(queuePair.receive()).isPresent();
    }
  }

  private static void sendAll(RawIwarp iwarp, byte[] bytes) {
    try {
      iwarp.sendBytes(bytes);
    } catch (IOException _) {
      // Closed in the middle: the caller checks what the server said.
    }
  }

  private static RandomGenerator random() {
    return RandomGeneratorFactory.of("L64X128MixRandom").create(SEED);
  }
}
