package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import io.selkie.test.wire.RawRpc;
import io.selkie.test.wire.XdrBytes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.IntStream;
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
 * Goal: whatever arrives at the NFS port, the answer is a clear error or a closed connection, the
 * server's memory stays bounded, and another client does not notice.
 *
 * <p>Method: records put together by hand, at a server in its own process with little memory, while
 * a bystander works; it and the server are looked at after each.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BadRpcInputTest {

  private static final int GARBAGE_ARGS = 4;
  private static final int NFS4ERR_RESOURCE = 10018;
  private static final int NFS4ERR_BADXDR = 10036;
  private static final int NFS4ERR_OP_ILLEGAL = 10044;
  private static final int NFS4ERR_TOO_MANY_OPS = 10070;
  private static final int NFS4ERR_REQ_TOO_BIG = 10065;
  private static final long SEED = 20_261_120;
  private static final long HUGE = 0x7fffffffL;
  private static final byte[] NO_STATEID = new byte[16];

  private ServerUnderTest tested;
  private Bystander bystander;

  @BeforeAll
  void start() throws Exception {
    tested = ServerUnderTest.start("sessions:\n  idleHandshakeMillis: 5000\n");
    bystander = new Bystander(tested.server());
  }

  @AfterEach
  void serverIsSoundAndTheBystanderIsServed() throws Exception {
    tested.assertSound();
    bystander.assertStillServed();
  }

  @AfterAll
  void stop() throws Exception {
    bystander.close();
    tested.close();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("hopelessStreams")
  void streamThatCannotBeRecordsIsClosed(String name, byte[] stream) throws Exception {
    try (RawRpc rpc = RawRpc.connect(tested.server().nfs())) {
      sendAll(rpc, stream);
      assertThat(rpc.closedByServer()).isTrue();
    }
  }

  static Stream<Arguments> hopelessStreams() {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(SEED);
    byte[] noise = new byte[1 << 16];
    random.nextBytes(noise);
    noise[0] = (byte) 0xff;
    return Stream.of(
        Arguments.of("last fragment of 2^31-1 bytes", bytes(0xffffffff, 1, 2, 3)),
        Arguments.of("first fragment of 2^31-1 bytes", bytes(0x7fffffff, 1, 2, 3)),
        Arguments.of("fragment a little over the bound", bytes(0x80000000 | 80 << 20, 0)),
        Arguments.of("record that never comes to its end", endlessRecord()),
        Arguments.of("record of 0 bytes", bytes(0x80000000)),
        Arguments.of("record too short for a call", bytes(0x80000004, 7)),
        Arguments.of("reply to nobody", bytes(0x80000018, 7, 1, 0, 0, 0, 0)),
        Arguments.of("noise", noise));
  }

  private static byte[] endlessRecord() {
    ByteBuffer stream = ByteBuffer.allocate(70 << 20);
    while (stream.remaining() > 4 + 65536) {
      stream.putInt(65536).position(stream.position() + 65536);
    }
    return stream.array();
  }

  /** A server that closes in the middle of what is sent to it has made up its mind. */
  private static void sendAll(RawRpc rpc, byte[] stream) {
    try {
      rpc.sendBytes(stream);
    } catch (IOException _) {
      // Closed: the caller checks that.
    }
  }

  @Test
  void recordCutOffByTheEndOfTheStreamIsClosed() throws Exception {
    try (RawRpc rpc = RawRpc.connect(tested.server().nfs())) {
      rpc.sendBytes(bytes(0x80000064, 1, 2, 3, 4, 5));
      rpc.socket().shutdownOutput();
      assertThat(rpc.closedByServer()).isTrue();
    }
  }

  @Test
  void manyEmptyFragmentsDoNotHoldAnyoneUp() throws Exception {
    try (RawRpc rpc = RawRpc.connect(tested.server().nfs())) {
      sendAll(rpc, new byte[4 * 200_000]);
      sendAll(rpc, RawRpc.framed(rpc.callHeader(0).bytes()));
      // It may be patient or not, but it must do one of the two.
      Optional<ByteBuffer> answer = rpc.receiveOrClosed();
      answer.ifPresent(reply -> assertThat(reply.getInt(4)).as("a reply").isEqualTo(1));
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("wrongHeaders")
  void wrongRpcHeaderIsAnsweredAsRfc5531Says(String name, int at, int value, int[] expected)
      throws Exception {
    try (RawRpc rpc = RawRpc.connect(tested.server().nfs())) {
      byte[] call = rpc.callHeader(1).string("").u32(1).u32(0).bytes();
      ByteBuffer.wrap(call).putInt(at, value);
      rpc.send(call);
      ByteBuffer reply = rpc.receive();
      assertThat(reply.getInt(4)).as("reply").isEqualTo(1);
      // reply_stat, then either reject_stat or the verifier (two words) and accept_stat.
      boolean accepted = reply.getInt(8) == 0;
      int stat = accepted ? reply.getInt(20) : reply.getInt(12);
      assertThat(new int[] {reply.getInt(8), stat}).containsExactly(expected);
    }
  }

  static Stream<Arguments> wrongHeaders() {
    return Stream.of(
        Arguments.of("RPC version 3: RPC_MISMATCH", 8, 3, new int[] {1, 0}),
        Arguments.of("another program: PROG_UNAVAIL", 12, 100005, new int[] {0, 1}),
        Arguments.of("NFS version 3: PROG_MISMATCH", 16, 3, new int[] {0, 2}),
        Arguments.of("procedure 22: PROC_UNAVAIL", 20, 22, new int[] {0, 3}),
        Arguments.of("unknown flavour: AUTH_ERROR", 24, 390_099, new int[] {1, 1}));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("hostileArguments")
  void hostileArgumentsAreAnErrorOrClosed(String name, XdrBytes arguments) throws Exception {
    try (RawRpc rpc = RawRpc.connect(tested.server().nfs())) {
      sendAll(rpc, RawRpc.framed(rpc.callHeader(1).append(arguments).bytes()));
      Optional<ByteBuffer> answer = rpc.receiveOrClosed();
      answer.ifPresent(BadRpcInputTest::assertIsAnError);
    }
  }

  static Stream<Arguments> hostileArguments() {
    XdrBytes millionHonest = new XdrBytes().string("").u32(1).u32(1_000_000);
    for (int i = 0; i < 1_000_000; i++) {
      millionHonest.u32(Op.PUTROOTFH);
    }
    XdrBytes manyHonest = new XdrBytes().string("").u32(1).u32(200_000);
    for (int i = 0; i < 200_000; i++) {
      manyHonest.u32(Op.PUTROOTFH);
    }
    return Stream.of(
        Arguments.of("tag of 2^31-1 bytes", new XdrBytes().u32(HUGE).u32(1).u32(0)),
        Arguments.of("tag of 2^32-1 bytes", new XdrBytes().u32(0xffffffffL).u32(1).u32(0)),
        Arguments.of("nothing at all", new XdrBytes()),
        Arguments.of("10^6 operations announced", new XdrBytes().string("").u32(1).u32(1_000_000)),
        Arguments.of("2^32-1 operations announced", new XdrBytes().string("").u32(1).u32(-1)),
        Arguments.of("10^6 operations sent", millionHonest),
        Arguments.of("200,000 operations sent", manyHonest),
        Arguments.of("minor version 99", new XdrBytes().string("").u32(99).u32(0)),
        Arguments.of(
            "EXCHANGE_ID of a 2^31-1 byte owner",
            compoundOf(Op.EXCHANGE_ID, new XdrBytes().u64(1).u32(HUGE))),
        Arguments.of(
            "EXCHANGE_ID of an owner of 1025 bytes",
            compoundOf(
                Op.EXCHANGE_ID, new XdrBytes().u64(1).opaque(new byte[1025]).u32(0).u32(0).u32(0))),
        Arguments.of(
            "CREATE_SESSION with 2^31-1 ways to secure callbacks",
            compoundOf(
                Op.CREATE_SESSION,
                new XdrBytes().u64(1).u32(1).u32(0).fixed(new byte[56]).u32(1).u32(HUGE))),
        Arguments.of("SEQUENCE cut off", compoundOf(Op.SEQUENCE, new XdrBytes().u32(1))));
  }

  private static XdrBytes compoundOf(int operation, XdrBytes arguments) {
    return new XdrBytes().string("").u32(1).u32(1).u32(operation).append(arguments);
  }

  private static void assertIsAnError(ByteBuffer reply) {
    assertThat(reply.getInt(4)).as("a reply").isEqualTo(1);
    if (reply.getInt(8) != 0) {
      return;
    }
    int acceptStat = reply.getInt(20);
    if (acceptStat == 0) {
      assertThat(reply.getInt(24)).as("status of the COMPOUND").isNotZero();
    } else {
      assertThat(acceptStat).as("accept_stat").isEqualTo(GARBAGE_ARGS);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("hostileOperations")
  void hostileOperationInASessionIsAnErrorAndTheSessionGoesOn(
      String name, Op operation, List<Integer> expected) throws Exception {
    try (RawNfs nfs = RawNfs.connect(tested.server().nfs(), "hostile " + name)) {
      RawNfs.Reply reply = nfs.compound(Op.putRootFh(), operation);
      assertThat(reply.status()).as("status").isIn(expected);
      assertThat(nfs.compound(Op.putRootFh(), Op.getFh()).status())
          .as("the next call of the same session")
          .isZero();
    }
  }

  static Stream<Arguments> hostileOperations() {
    List<Integer> badXdr = List.of(NFS4ERR_BADXDR);
    List<Integer> anyOf =
        List.of(22, NFS4ERR_BADXDR, 10003, NFS4ERR_RESOURCE, NFS4ERR_TOO_MANY_OPS, 10004, 63);
    XdrBytes stateid = new XdrBytes().fixed(NO_STATEID);
    return Stream.of(
        Arguments.of("no such operation", new Op(9999, new XdrBytes()), List.of(10044)),
        Arguments.of("operation 2", new Op(2, new XdrBytes()), List.of(NFS4ERR_OP_ILLEGAL)),
        Arguments.of("LOOKUP of a long name", new Op(15, new XdrBytes().u32(HUGE)), badXdr),
        Arguments.of("LOOKUP of a negative name", new Op(15, new XdrBytes().u32(-1)), badXdr),
        Arguments.of("LOOKUP of nothing", Op.lookup(""), List.of(22)),
        Arguments.of("LOOKUP of dot dot", Op.lookup(".."), List.of(10041)),
        Arguments.of("LOOKUP with a slash", Op.lookup("a/b"), List.of(10041, 10040, 22)),
        Arguments.of("LOOKUP with a zero byte", Op.lookup("a\0b"), List.of(10041, 10040, 22)),
        Arguments.of("LOOKUP of 256 letters", Op.lookup("x".repeat(256)), List.of(63)),
        Arguments.of("LOOKUP of 10^4 letters", Op.lookup("x".repeat(10_000)), List.of(63, 10036)),
        Arguments.of("PUTFH of 2^31-1 bytes", new Op(22, new XdrBytes().u32(HUGE)), badXdr),
        Arguments.of("PUTFH of 129 bytes", Op.putFh(new byte[129]), List.of(10001, 10036)),
        Arguments.of("PUTFH of nonsense", Op.putFh(new byte[32]), List.of(10001, 70)),
        Arguments.of("GETATTR of a long bitmap", new Op(9, new XdrBytes().u32(HUGE)), badXdr),
        Arguments.of(
            "WRITE of 2^31-1 bytes",
            new Op(38, new XdrBytes().append(stateid).u64(0).u32(0).u32(HUGE)),
            badXdr),
        Arguments.of("TEST_STATEID of 2^31-1", new Op(55, new XdrBytes().u32(HUGE)), anyOf),
        Arguments.of(
            "READDIR of 2^32-1 bytes of cookies 0",
            new Op(26, new XdrBytes().u64(1).u64(9).u32(-1).u32(-1).u32(0)),
            List.of(10003, 10027, 22)),
        Arguments.of("OPEN cut off", new Op(18, new XdrBytes().u32(0)), badXdr),
        Arguments.of("LAYOUTGET cut off", new Op(50, new XdrBytes().u32(0)), badXdr),
        Arguments.of(
            "LAYOUTRETURN with a long body",
            new Op(
                51,
                new XdrBytes()
                    .u32(0)
                    .u32(Op.LAYOUT4_RDMA)
                    .u32(3)
                    .u32(1)
                    .u64(0)
                    .u64(-1)
                    .append(stateid)
                    .u32(HUGE)),
            badXdr));
  }

  @Test
  void everyOperationWithNoArgumentsOrNoiseIsAnError() throws Exception {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(SEED);
    try (RawNfs nfs = RawNfs.connect(tested.server().nfs(), "every operation")) {
      for (int operation = 0; operation <= 80; operation++) {
        byte[] noise = new byte[64];
        random.nextBytes(noise);
        for (XdrBytes arguments : List.of(new XdrBytes(), new XdrBytes().fixed(noise))) {
          RawNfs.Reply reply = nfs.compound(new Op(operation, arguments));
          // After the noise there may be no error only for an operation without arguments.
          assertThat(reply.operations()).as("results for operation %d", operation).isPositive();
        }
      }
      assertThat(nfs.compound(Op.putRootFh()).status()).isZero();
    }
  }

  @Test
  void moreOperationsThanNegotiatedAreRefused() throws Exception {
    try (RawNfs nfs = RawNfs.connect(tested.server().nfs(), "too many")) {
      Op[] many = IntStream.range(0, 5_000).mapToObj(i -> Op.putRootFh()).toArray(Op[]::new);
      RawNfs.Reply reply = nfs.compound(many);
      assertThat(reply.status()).isIn(NFS4ERR_TOO_MANY_OPS, NFS4ERR_REQ_TOO_BIG);
    }
  }

  @Test
  void mutatedSessionsNeverTakeTheServerDown() throws Exception {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(SEED);
    int answered = 0;
    for (int i = 0; i < 300; i++) {
      try (RawRpc rpc = RawRpc.connect(tested.server().nfs())) {
        byte[] record =
            RawNfs.record(rpc, Op.putRootFh(), Op.lookup("export"), Op.lookup("bystander"));
        for (int j = random.nextInt(1, 6); j > 0; j--) {
          record[random.nextInt(record.length)] = (byte) random.nextInt();
        }
        rpc.send(i % 3 == 0 ? Arrays.copyOf(record, random.nextInt(record.length)) : record);
        rpc.socket().shutdownOutput();
        if (rpc.receiveOrClosed().isPresent()) {
          answered++;
        }
      }
    }
    assertThat(answered).as("mutated calls that were still answered").isPositive();
  }

  private static byte[] bytes(int... words) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int word : words) {
      out.writeBytes(ByteBuffer.allocate(4).putInt(word).array());
    }
    return out.toByteArray();
  }
}
