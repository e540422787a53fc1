package io.selkie.server.compound;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.selkie.config.time.NanoClock;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.server.rpc.RpcLimits;
import io.selkie.server.session.SessionLimits;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestOps;
import io.selkie.server.testing.TestOps.Gate;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import io.selkie.server.testing.TestTimers;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** Goal: COMPOUND as RFC 8881 section 16.2 has it, good and bad, over a real socket. */
@Timeout(120)
class CompoundTest {

  private static final int WORKERS = 2;
  private static final int CAPACITY = 8;

  private final Gate gate = new Gate();
  private final List<String> threads = new ArrayList<>();
  private final ListAppender<ILoggingEvent> said = new ListAppender<>();
  private volatile Class<? extends Error> breaksBy = AssertionError.class;
  private TestServer server;
  private Nfs41TestClient client;
  private TestSession session;

  @BeforeEach
  void open() throws IOException {
    server =
        new TestServer(
            RpcLimits.DEFAULT,
            SessionLimits.DEFAULT,
            NanoClock.system(),
            new TestTimers(),
            new Workers(WORKERS, CAPACITY),
            c -> 0,
            gate,
            TestOps.putRootFh(),
            TestOps.read(),
            TestOps.close(),
            TestOps.memory(NfsOp4.OP_SAVEFH, this::save),
            TestOps.memory(NfsOp4.OP_RESTOREFH, this::restore),
            TestOps.memory(NfsOp4.OP_GETFH, this::noteThread),
            TestOps.blocking(NfsOp4.OP_ACCESS, this::noteThread),
            TestOps.memory(NfsOp4.OP_LOOKUPP, c -> Integer.parseInt("not a status")),
            TestOps.memory(NfsOp4.OP_LINK, c -> breakDown()),
            TestOps.blocking(NfsOp4.OP_RENAME, c -> breakDown()),
            TestOps.blocking(
                NfsOp4.OP_REMOVE,
                c ->
                    c.suspend(
                        CompletableFuture.completedFuture(0),
                        (context, value, failure) -> breakDown())),
            TestOps.memory(NfsOp4.OP_LAYOUTGET, CompoundTest::tryLater),
            TestOps.memory(NfsOp4.OP_GETATTR, CompoundTest::halfDone),
            TestOps.memory(NfsOp4.OP_SEEK, c -> NfsStat4.NFS4_OK));
    client = server.connect();
    session = TestSession.open(client, "compound");
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  private int save(CompoundContext c) {
    c.saveCurrent();
    return NfsStat4.NFS4_OK;
  }

  private int restore(CompoundContext c) {
    c.restoreSaved();
    return NfsStat4.NFS4_OK;
  }

  private int noteThread(CompoundContext c) {
    synchronized (threads) {
      threads.add(Thread.currentThread().getName());
    }
    return NfsStat4.NFS4_OK;
  }

  private int breakDown() {
    sneak(breaksBy);
    return NfsStat4.NFS4_OK;
  }

  /** A real one where that can be made at will. */
  private static void sneak(Class<? extends Error> kind) {
    if (kind == StackOverflowError.class) {
      sneak(kind);
    } else if (kind == OutOfMemoryError.class) {
      throw new OutOfMemoryError("played by a test");
    }
    throw new AssertionError("played by a test");
  }

  private static int tryLater(CompoundContext c) {
    c.reply().int64(-1);
    c.errorBody().bool(true);
    return NfsStat4.NFS4ERR_LAYOUTTRYLATER;
  }

  private static int halfDone(CompoundContext c) {
    c.reply().int64(-1);
    c.reply().int64(-1);
    return NfsStat4.NFS4ERR_IO;
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 3, -1, 77})
  void otherMinorVersionsAreRefusedWithoutAnyResult(int minorVersion) {
    CompoundReply reply =
        client.call(Compound.of().minorVersion(minorVersion).tag("t".getBytes(UTF_8)).op(2));
    assertThat(reply.status()).isEqualTo("NFS4ERR_MINOR_VERS_MISMATCH");
    assertThat(reply.count()).isZero();
    assertThat(reply.tag()).isEqualTo("t".getBytes(UTF_8));
  }

  @Test
  void emptyCompoundSucceeds() {
    CompoundReply reply = client.call(Compound.of());
    assertThat(reply.status()).isEqualTo("NFS4_OK");
    assertThat(reply.count()).isZero();
  }

  @Test
  void tagComesBackAsItWas() {
    byte[] tag = "größe".getBytes(UTF_8);
    assertThat(client.call(session.next(0, false).tag(tag)).tag()).isEqualTo(tag);
    assertThat(client.call(Compound.of().tag(new byte[] {(byte) 0xFF})).status())
        .isEqualTo("NFS4ERR_INVAL");
    assertThat(client.call(Compound.of().tag(new byte[5000])).status()).isEqualTo("NFS4ERR_INVAL");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 59, 76, 10044, -1, Integer.MAX_VALUE, Integer.MIN_VALUE})
  void numbersThatAreNoOperationAreIllegal(int opcode) {
    CompoundReply reply = session.call(c -> c.op(opcode).op(NfsOp4.OP_PUTROOTFH));
    assertThat(reply.next(NfsOp4.OP_ILLEGAL)).isEqualTo("NFS4ERR_OP_ILLEGAL");
    assertThat(reply.status()).isEqualTo("NFS4ERR_OP_ILLEGAL");
    assertThat(reply.count()).as("it is the last").isEqualTo(2);
    assertThat(reply.in().remaining()).isZero();
  }

  @ParameterizedTest
  @ValueSource(
      ints = {NfsOp4.OP_SETCLIENTID, NfsOp4.OP_RENEW, NfsOp4.OP_OPENATTR, NfsOp4.OP_SET_SSV})
  void operationsThatAreNotImplementedAreNotSupported(int opcode) {
    CompoundReply reply = session.call(c -> c.op(opcode));
    assertThat(reply.next(opcode)).isEqualTo("NFS4ERR_NOTSUPP");
  }

  @Test
  void operationOfMinorVersionTwoIsIllegalInOne() {
    CompoundReply one = client.call(session.next(0, false).op(NfsOp4.OP_SEEK));
    one.sequenceOk();
    assertThat(one.next(NfsOp4.OP_ILLEGAL)).isEqualTo("NFS4ERR_OP_ILLEGAL");
    CompoundReply two = client.call(session.next(0, false).minorVersion(2).op(NfsOp4.OP_SEEK));
    assertThat(two.status()).isEqualTo("NFS4_OK");
  }

  @Test
  void operationsOutsideOfASessionAreRefused() {
    CompoundReply reply = client.call(Compound.of().op(NfsOp4.OP_PUTROOTFH));
    assertThat(reply.next(NfsOp4.OP_PUTROOTFH)).isEqualTo("NFS4ERR_OP_NOT_IN_SESSION");
    reply = client.call(Compound.of().op(NfsOp4.OP_ACCESS));
    assertThat(reply.next(NfsOp4.OP_ACCESS)).isEqualTo("NFS4ERR_OP_NOT_IN_SESSION");
  }

  @Test
  void sequenceStandsOnlyFirst() {
    CompoundReply reply = session.call(c -> c.sequence(session.id(), 9, 1, 1, false));
    assertThat(reply.next(NfsOp4.OP_SEQUENCE)).isEqualTo("NFS4ERR_SEQUENCE_POS");
  }

  @Test
  void claimOfAMillionOperationsIsRefusedBeforeAnyIsExecuted() {
    CompoundReply reply =
        client.call(session.next(0, false).op(NfsOp4.OP_PUTROOTFH).claim(1_000_000));
    assertThat(reply.next(NfsOp4.OP_SEQUENCE)).isEqualTo("NFS4ERR_TOO_MANY_OPS");
    reply = client.call(Compound.of().op(NfsOp4.OP_DESTROY_CLIENTID).claim(Integer.MAX_VALUE));
    assertThat(reply.status()).isEqualTo("NFS4ERR_NOT_ONLY_OP");
  }

  @Test
  void recordFullOfOperationsCostsOneResult() {
    Compound compound = Compound.of();
    for (int i = 0; i < 200_000; i++) {
      compound.op(NfsOp4.OP_PUTROOTFH);
    }
    CompoundReply reply = client.call(compound);
    assertThat(reply.status()).isEqualTo("NFS4ERR_OP_NOT_IN_SESSION");
    assertThat(reply.count()).isEqualTo(1);
  }

  @Test
  void fewerOperationsThanClaimedIsBadXdr() {
    CompoundReply reply = client.call(session.next(0, false).op(NfsOp4.OP_PUTROOTFH).claim(3));
    reply.sequenceOk();
    assertThat(reply.next(NfsOp4.OP_PUTROOTFH)).isEqualTo("NFS4_OK");
    assertThat(reply.next(NfsOp4.OP_ILLEGAL)).isEqualTo("NFS4ERR_BADXDR");
    assertThat(reply.count()).isEqualTo(3);
  }

  @Test
  void cutOffArgumentsAreBadXdrAndTheOperationIsNotExecuted() {
    CompoundReply reply = session.call(c -> c.op(NfsOp4.OP_COMMIT, o -> o.int32(1)));
    assertThat(reply.next(NfsOp4.OP_COMMIT)).isEqualTo("NFS4ERR_BADXDR");
    assertThat(gate.executions()).isZero();
  }

  @Test
  void negativeOperationCountIsGarbage() {
    CompoundReply reply = client.call(Compound.of().claim(0).op(0));
    assertThat(reply.status()).isEqualTo("NFS4_OK");
    int xid = 77;
    byte[] record =
        Nfs41TestClient.await(
            client.sendRecord(
                xid,
                out -> {
                  client.header(out, xid, 100003, 4, 1);
                  out.int32(0);
                  out.int32(1);
                  out.int32(-1);
                }));
    assertThat(record[record.length - 1]).isEqualTo((byte) RpcConst.GARBAGE_ARGS);
  }

  @Test
  void defectIsAServerFaultAndTheConnectionLivesOn() {
    CompoundReply reply = session.call(c -> c.op(NfsOp4.OP_LOOKUPP));
    assertThat(reply.next(NfsOp4.OP_LOOKUPP)).isEqualTo("NFS4ERR_SERVERFAULT");
    assertThat(client.call(session.next(0, false)).status()).isEqualTo("NFS4_OK");
  }

  /** On the event loop, on a worker, and where an operation goes on that had waited. */
  @ParameterizedTest
  @ValueSource(classes = {AssertionError.class, OutOfMemoryError.class, StackOverflowError.class})
  void errorIsAServerFaultSaidOnceAndItsSlotIsFree(Class<? extends Error> kind) {
    breaksBy = kind;
    Logger logger = (Logger) LoggerFactory.getLogger(CompoundEngine.class);
    said.start();
    logger.addAppender(said);
    try {
      for (int opcode : List.of(NfsOp4.OP_LINK, NfsOp4.OP_RENAME, NfsOp4.OP_REMOVE)) {
        said.list.clear();
        CompoundReply reply = session.call(c -> c.op(opcode).op(NfsOp4.OP_GETFH));
        assertThat(reply.next(opcode)).isEqualTo("NFS4ERR_SERVERFAULT");
        assertThat(reply.count()).as("it is the last").isEqualTo(2);
        assertThat(said.list)
            .singleElement()
            .satisfies(event -> {
              assertThat(event.getLevel()).isEqualTo(Level.ERROR);
              assertThat(event.getFormattedMessage()).contains("NFS4ERR_SERVERFAULT");
              assertThat(event.getThrowableProxy().getClassName()).isEqualTo(kind.getName());
              assertThat(event.getThrowableProxy().getStackTraceElementProxyArray()).isNotEmpty();
            });
        assertThat(session.call(c -> c.op(NfsOp4.OP_ACCESS)).status()).isEqualTo("NFS4_OK");
      }
    } finally {
      logger.detachAppender(said);
    }
    assertThat(threads).hasSize(3);
    assertThat(server.workers().admittedCount()).isZero();
  }

  @Test
  void resultsOfFailedOperationsAreTakenBackUnlessTheRfcWantsThem() {
    CompoundReply reply = session.call(c -> c.op(NfsOp4.OP_GETATTR));
    assertThat(reply.next(NfsOp4.OP_GETATTR)).isEqualTo("NFS4ERR_IO");
    assertThat(reply.in().remaining()).isZero();
    reply = session.call(c -> c.op(NfsOp4.OP_LAYOUTGET));
    assertThat(reply.next(NfsOp4.OP_LAYOUTGET)).isEqualTo("NFS4ERR_LAYOUTTRYLATER");
    assertThat(reply.in().bool()).isTrue();
    assertThat(reply.in().remaining()).isZero();
  }

  @Test
  void memoryOperationsStayOnTheEventLoopAndOthersMoveToAWorkerOnce() {
    session.call(c -> c.op(NfsOp4.OP_GETFH).op(NfsOp4.OP_ACCESS).op(NfsOp4.OP_GETFH));
    synchronized (threads) {
      assertThat(threads.get(0)).startsWith("nfs-io");
      assertThat(threads.get(1)).startsWith("nfs-worker");
      assertThat(threads.get(2)).isEqualTo(threads.get(1));
    }
  }

  @Test
  void suspendedOperationsHoldNoThread() throws Exception {
    List<CompletableFuture<CompoundReply>> replies = new ArrayList<>();
    List<CompletableFuture<Integer>> executions = new ArrayList<>();
    for (int slot = 0; slot < WORKERS + 1; slot++) {
      replies.add(client.send(Gate.commit(session.next(slot, false))));
      executions.add(gate.await());
    }
    CompoundReply between =
        Nfs41TestClient.await(client.send(session.next(9, false).op(NfsOp4.OP_ACCESS)));
    assertThat(between.status()).as("a worker is free").isEqualTo("NFS4_OK");
    executions.forEach(execution -> execution.complete(NfsStat4.NFS4_OK));
    for (CompletableFuture<CompoundReply> reply : replies) {
      assertThat(Nfs41TestClient.await(reply).status()).isEqualTo("NFS4_OK");
    }
    assertThat(server.workers().admittedCount()).isZero();
  }

  @Test
  void failedStageBecomesWhatTheContinuationSays() throws Exception {
    CompletableFuture<CompoundReply> reply = client.send(Gate.commit(session.next(0, false)));
    gate.await().completeExceptionally(new IOException("disk"));
    assertThat(Nfs41TestClient.await(reply).status()).isEqualTo("NFS4ERR_IO");
  }

  @Test
  void beyondItsShareOfTheWorkersCapacityAClientIsDelayedAndAnotherIsNot() throws Exception {
    List<CompletableFuture<CompoundReply>> replies = new ArrayList<>();
    List<CompletableFuture<Integer>> executions = new ArrayList<>();
    // Of the capacity one client may have as much as is free still, which is half of it.
    for (int slot = 0; slot < CAPACITY / 2; slot++) {
      replies.add(client.send(Gate.commit(session.next(slot, false))));
      executions.add(gate.await());
    }
    assertRefused(client, session);
    // Another one still finds places; and of what is left again only as many as are free.
    try (Nfs41TestClient second = server.connect()) {
      TestSession other = TestSession.open(second, "another");
      for (int slot = 0; slot < CAPACITY / 4; slot++) {
        replies.add(second.send(Gate.commit(other.next(slot, false))));
        executions.add(gate.await());
      }
      assertRefused(second, other);
      end(executions, replies);
    }
    assertThat(session.call(c -> c.op(NfsOp4.OP_ACCESS)).status()).isEqualTo("NFS4_OK");
    assertThat(server.workers().admittedCount()).isZero();
  }

  private static void assertRefused(Nfs41TestClient client, TestSession session) {
    CompoundReply refused =
        Nfs41TestClient.await(client.send(session.next(20, false).op(NfsOp4.OP_ACCESS)));
    refused.sequenceOk();
    assertThat(refused.next(NfsOp4.OP_ACCESS)).isEqualTo("NFS4ERR_DELAY");
  }

  private static void end(
      List<CompletableFuture<Integer>> executions, List<CompletableFuture<CompoundReply>> replies) {
    executions.forEach(execution -> execution.complete(NfsStat4.NFS4_OK));
    for (CompletableFuture<CompoundReply> reply : replies) {
      assertThat(Nfs41TestClient.await(reply).status()).isEqualTo("NFS4_OK");
    }
  }

  @Test
  void currentStateidFollowsTheRules() {
    Stateid4 mine = new Stateid4(5, 6, 7);
    assertThat(close(c -> c.op(NfsOp4.OP_PUTROOTFH), Stateids.CURRENT))
        .as("after PUTROOTFH there is none")
        .isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(close(c -> c, Stateids.CURRENT)).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(close(c -> TestOps.close(c, mine), Stateids.CURRENT)).isEqualTo("NFS4_OK");
    assertThat(close(c -> TestOps.close(c, mine).op(NfsOp4.OP_PUTROOTFH), Stateids.CURRENT))
        .as("a new file handle resets it")
        .isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(
            close(
                c ->
                    TestOps.close(c.op(NfsOp4.OP_PUTROOTFH), mine)
                        .op(NfsOp4.OP_SAVEFH)
                        .op(NfsOp4.OP_PUTROOTFH)
                        .op(NfsOp4.OP_RESTOREFH),
                Stateids.CURRENT))
        .as("saved and restored with its file handle")
        .isEqualTo("NFS4_OK");
    assertThat(close(c -> c, Stateids.INVALID)).isEqualTo("NFS4ERR_BAD_STATEID");
  }

  private String close(java.util.function.UnaryOperator<Compound> before, Stateid4 stateid) {
    return session.call(c -> TestOps.close(before.apply(c), stateid)).status();
  }

  @Test
  void twoOperationsOfOneNumberAreADefect() {
    assertThatThrownBy(() -> OperationTable.of(TestOps.read(), TestOps.read()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("OP_READ");
  }
}
