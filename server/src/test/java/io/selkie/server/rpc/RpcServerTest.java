package io.selkie.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.rpc.RecordMark;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.rpc.RpcReply;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.Workers;
import io.selkie.server.session.SessionLimits;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.ManualTime;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestOps;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: ONC RPC over TCP as RFC 5531 has it, and no peer gets more than its share. Method: raw
 * bytes on real sockets; manual time for the time-outs.
 */
@Timeout(120)
class RpcServerTest {

  private static final int XID = 99;

  private final ManualTime time = new ManualTime();
  private TestServer server;
  private Nfs41TestClient client;

  @BeforeEach
  void open() throws IOException {
    server =
        new TestServer(
            RpcLimits.DEFAULT,
            SessionLimits.DEFAULT,
            time,
            time,
            new Workers(2, 256),
            c -> 0,
            TestOps.read(),
            TestOps.write(),
            TestOps.putRootFh());
    client = server.connect();
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  private RpcReply refusal(Consumer<XdrWriter> message) {
    byte[] record = Nfs41TestClient.await(client.sendRecord(XID, message));
    XdrReader in = new XdrReader(ByteBuffer.wrap(record));
    assertThat(in.int32()).isEqualTo(XID);
    assertThat(in.int32()).isEqualTo(RpcConst.REPLY);
    RpcReply reply = new RpcReply();
    reply.decode(in);
    return reply;
  }

  private void stillServesOthers() throws IOException {
    try (Nfs41TestClient other = server.connect()) {
      assertThat(other.callProcedure(Nfs4Const.NFSPROC4_NULL).header().isSuccess()).isTrue();
    }
  }

  @Test
  void nullProcedureAnswersNothing() {
    CompoundReply reply = client.callProcedure(Nfs4Const.NFSPROC4_NULL);
    assertThat(reply.header().isSuccess()).isTrue();
    assertThat(reply.in().remaining()).isZero();
    client.as(null);
    assertThat(client.callProcedure(Nfs4Const.NFSPROC4_NULL).header().isSuccess()).isTrue();
  }

  @Test
  void callsToNowhereAreRefusedByTheBook() {
    RpcReply reply = refusal(o -> client.header(o, XID, 4711, 1, 0));
    assertThat(reply.stat()).isEqualTo(RpcConst.PROG_UNAVAIL);
    reply = refusal(o -> client.header(o, XID, Nfs4Const.NFS4_PROGRAM, 3, 0));
    assertThat(reply.stat()).isEqualTo(RpcConst.PROG_MISMATCH);
    assertThat(reply.low()).isEqualTo(4);
    assertThat(reply.high()).isEqualTo(4);
    reply = refusal(o -> client.header(o, XID, Nfs4Const.NFS4_PROGRAM, 4, 2));
    assertThat(reply.stat()).isEqualTo(RpcConst.PROC_UNAVAIL);
    reply = refusal(o -> client.header(o, XID, Nfs4Const.NFS4_PROGRAM, 4, 1));
    assertThat(reply.stat()).isEqualTo(RpcConst.GARBAGE_ARGS);
  }

  @Test
  void badHeadersAreDenied() {
    RpcReply reply =
        refusal(o -> {
          o.int32(XID);
          o.int32(RpcConst.CALL);
          o.int32(3);
        });
    assertThat(reply.replyStat()).isEqualTo(RpcConst.MSG_DENIED);
    assertThat(reply.stat()).isEqualTo(RpcConst.RPC_MISMATCH);
    assertThat(reply.low()).isEqualTo(2);
    assertThat(reply.high()).isEqualTo(2);
    assertAuthError(o -> credential(o, RpcConst.RPCSEC_GSS, 20, 20), RpcConst.AUTH_REJECTEDCRED);
    assertAuthError(o -> credential(o, RpcConst.AUTH_SYS, 401, 401), RpcConst.AUTH_BADCRED);
    assertAuthError(o -> credential(o, RpcConst.AUTH_SYS, -1, 20), RpcConst.AUTH_BADCRED);
    assertAuthError(o -> credential(o, RpcConst.AUTH_SYS, 8, 8), RpcConst.AUTH_BADCRED);
    assertAuthError(
        o -> {
          credential(o, RpcConst.AUTH_NONE, 0, 0);
          o.int32(RpcConst.AUTH_NONE);
          o.int32(1 << 20);
        },
        RpcConst.AUTH_BADVERF);
  }

  private static void credential(XdrWriter o, int flavor, int claimed, int bytes) {
    o.int32(flavor);
    o.int32(claimed);
    o.fixedOpaque(new byte[bytes]);
  }

  private void assertAuthError(Consumer<XdrWriter> credentials, int status) {
    RpcReply reply =
        refusal(o -> {
          o.int32(XID);
          o.int32(RpcConst.CALL);
          o.int32(2);
          o.int32(Nfs4Const.NFS4_PROGRAM);
          o.int32(4);
          o.int32(0);
          credentials.accept(o);
        });
    assertThat(reply.replyStat()).isEqualTo(RpcConst.MSG_DENIED);
    assertThat(reply.stat()).isEqualTo(RpcConst.AUTH_ERROR);
    assertThat(reply.low()).isEqualTo(status);
  }

  @Test
  void recordsMayComeInFragmentsAndBytes() throws IOException {
    TestSession session = TestSession.open(client, "fragments");
    byte[] record = record(session.next(0, false).tag(new byte[300]));
    for (int size : new int[] {1, 3, 4, 64, 100_000}) {
      CompletableFuture<byte[]> reply = client.sendRecord(XID, o -> {}, false);
      for (int at = 0; at < record.length; at += size) {
        int length = Math.min(size, record.length - at);
        boolean last = at + length == record.length;
        byte[] fragment =
            ByteBuffer.allocate(4 + length)
                .putInt(last ? RecordMark.lastFragment(length) : length)
                .put(record, at, length)
                .array();
        for (byte b : fragment) {
          client.sendRaw(new byte[] {b}, 0, 1);
        }
      }
      assertThat(Nfs41TestClient.await(reply)).isNotEmpty();
    }
  }

  private byte[] record(Compound compound) {
    return client.recordOf(XID, compound);
  }

  @Test
  void payloadsOfEverySizeArriveAsTheyWere() throws IOException {
    TestSession session = TestSession.open(client, "payloads");
    RandomGenerator random = RandomGenerator.of("L64X128MixRandom");
    for (int bytes :
        new int[] {0, 1, 4095, 60_000, 65_000, 65_536, 70_000, 200_003, 999_999, 1 << 20}) {
      assertArrives(session, 0, random, bytes);
    }
  }

  private void assertArrives(TestSession session, int slot, RandomGenerator random, int bytes) {
    byte[] data = new byte[bytes];
    random.nextBytes(data);
    CRC32C crc = new CRC32C();
    crc.update(data);
    CompoundReply reply = client.call(TestOps.write(session.next(slot, false), data));
    reply.sequenceOk();
    assertThat(reply.next(NfsOp4.OP_WRITE)).isEqualTo("NFS4_OK");
    assertThat(reply.in().int64()).as("%d bytes", bytes).isEqualTo(crc.getValue());
  }

  @Test
  void payloadsOfManySlotsDoNotMix() throws IOException {
    TestSession session = TestSession.open(client, "mixed payloads");
    RandomGenerator random = RandomGenerator.of("L64X128MixRandom");
    List<CompletableFuture<CompoundReply>> replies = new ArrayList<>();
    List<Long> sums = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      byte[] data = new byte[random.nextInt(300_000)];
      random.nextBytes(data);
      CRC32C crc = new CRC32C();
      crc.update(data);
      sums.add(crc.getValue());
      replies.add(client.send(TestOps.write(session.next(i, false), data)));
    }
    for (int i = 0; i < replies.size(); i++) {
      CompoundReply reply = Nfs41TestClient.await(replies.get(i));
      reply.sequenceOk();
      assertThat(reply.next(NfsOp4.OP_WRITE)).isEqualTo("NFS4_OK");
      assertThat(reply.in().int64()).isEqualTo(sums.get(i));
    }
  }

  @Test
  void oversizedRecordClosesTheConnectionAndNothingElse() throws IOException {
    byte[] mark = ByteBuffer.allocate(4).putInt(RecordMark.lastFragment(64 << 20)).array();
    client.sendRaw(mark, 0, 4);
    client.awaitClosedByServer();
    stillServesOthers();
  }

  @Test
  void recordsOfTwoGigabytesAndEndlessFragmentsCloseTheConnection() throws IOException {
    try (Nfs41TestClient second = server.connect()) {
      second.sendRaw(new byte[] {-1, -1, -1, -1}, 0, 4);
      second.awaitClosedByServer();
    }
    try (Nfs41TestClient third = server.connect()) {
      byte[] empty = new byte[4 * (RecordAssembler.FRAGMENTS_MAX + 10)];
      third.sendRaw(empty, 0, empty.length);
      third.awaitClosedByServer();
    }
    stillServesOthers();
  }

  @Test
  void randomBytesNeverHurtOthers() throws IOException {
    RandomGenerator random = RandomGenerator.of("L64X128MixRandom");
    for (int i = 0; i < 200; i++) {
      try (Nfs41TestClient fuzzer = server.connect()) {
        byte[] bytes = new byte[random.nextInt(4, 2000)];
        random.nextBytes(bytes);
        if (i % 2 == 0) {
          ByteBuffer.wrap(bytes).putInt(RecordMark.lastFragment(bytes.length - 4));
        }
        fuzzer.sendRaw(bytes, 0, bytes.length);
      }
    }
    stillServesOthers();
  }

  @Test
  void mutatedRequestsAlwaysGetAnAnswerOrAClosedConnection() throws IOException {
    RandomGenerator random = RandomGenerator.of("L64X128MixRandom");
    TestSession session = TestSession.open(client, "mutated");
    for (int i = 0; i < 500; i++) {
      byte[] record = record(TestOps.read(session.next(i % 8, true).op(NfsOp4.OP_PUTROOTFH), 10));
      int mutations = random.nextInt(1, 4);
      for (int m = 0; m < mutations; m++) {
        record[random.nextInt(8, record.length)] = (byte) random.nextInt();
      }
      int length = random.nextInt(4) == 0 ? random.nextInt(8, record.length) : record.length;
      try (Nfs41TestClient mutant = server.connect()) {
        CompletableFuture<byte[]> reply = mutant.sendRecord(XID, o -> {}, false);
        byte[] mark = ByteBuffer.allocate(4).putInt(RecordMark.lastFragment(length)).array();
        mutant.sendRaw(mark, 0, 4);
        mutant.sendRaw(record, 0, length);
        Nfs41TestClient.await(reply.handle((bytes, lost) -> bytes));
      }
    }
    stillServesOthers();
  }

  @Test
  void whoSaysNothingIsClosed() throws IOException {
    assertThat(client.callProcedure(0).header().isSuccess()).isTrue();
    try (Nfs41TestClient silent = server.connect();
        Nfs41TestClient half = server.connect()) {
      half.sendRaw(new byte[] {-128, 0}, 0, 2);
      // Both are accepted by the time a third gets an answer.
      stillServesOthers();
      passUntilClosed(silent);
      passUntilClosed(half);
    }
    assertThat(client.callProcedure(0).header().isSuccess()).as("who spoke stays").isTrue();
  }

  @Test
  void recordThatNeverEndsIsClosed() throws IOException {
    assertThat(client.callProcedure(0).header().isSuccess()).isTrue();
    byte[] begun = ByteBuffer.allocate(100).putInt(RecordMark.lastFragment(1000)).array();
    client.sendRaw(begun, 0, begun.length);
    passUntilClosed(client);
  }

  /** Whether the server has seen what was sent is not to be known; so time passes in steps. */
  private void passUntilClosed(Nfs41TestClient connection) throws IOException {
    for (int i = 0; i < 1000 && connection.isOpen(); i++) {
      stillServesOthers();
      time.pass(5, TimeUnit.SECONDS);
    }
    connection.awaitClosedByServer();
  }

  @Test
  void whoVanishesInTheMiddleOfARequestLeavesNothingBehind() throws IOException {
    for (int i = 0; i < 50; i++) {
      try (Nfs41TestClient vanishing = server.connect()) {
        byte[] begun = ByteBuffer.allocate(70_000).putInt(RecordMark.lastFragment(90_000)).array();
        vanishing.sendRaw(begun, 0, begun.length);
      }
    }
    stillServesOthers();
  }

  @Test
  void connectionWithoutASessionIsClosedWhenItFallsSilent() throws Exception {
    TestSession session = TestSession.open(client, "kept");
    try (Nfs41TestClient idle = server.connect()) {
      assertThat(idle.callProcedure(0).header().isSuccess()).isTrue();
      for (int i = 0; i < 4; i++) {
        time.pass(70, TimeUnit.SECONDS);
        session.call(c -> c);
      }
      assertThat(idle.callProcedure(0).header().isSuccess()).isTrue();
      for (int i = 0; i < 5; i++) {
        time.pass(70, TimeUnit.SECONDS);
        session.call(c -> c);
      }
      idle.awaitClosedByServer();
    }
    session.call(c -> c);
    assertThat(client.isOpen()).isTrue();
  }
}
