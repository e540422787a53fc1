package io.selkie.server.session;

import static io.selkie.protocol.nfs4.SessionConst4.CDFC4_FORE_OR_BOTH;
import static io.selkie.protocol.nfs4.SessionConst4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN;
import static io.selkie.protocol.nfs4.SessionConst4.SEQ4_STATUS_BACKCHANNEL_FAULT;
import static io.selkie.protocol.nfs4.SessionConst4.SEQ4_STATUS_CB_PATH_DOWN;
import static io.selkie.protocol.nfs4.SessionConst4.SEQ4_STATUS_CB_PATH_DOWN_SESSION;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.CallbackChannel;
import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.layout.CallbackChannel.LayoutRecall;
import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.Workers;
import io.selkie.server.rpc.RpcLimits;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.ManualTime;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a recall reaches the client exactly once, and its outcome is told exactly once. Method: a
 * raw client that answers CB_COMPOUNDs as each case wants, over real connections; manual time.
 */
@Timeout(120)
class BackChannelTest {

  private static final byte[] HANDLE = {1, 2, 3, 4, 5};

  /** What a recall came to. */
  private record Answer(Outcome outcome, String status) {
    static Answer answered(String status) {
      return new Answer(Outcome.ANSWERED, status);
    }
  }

  /** A CB_COMPOUND as it arrived. */
  private record Arrived(int minorVersion, SessionId4 session, int sequenceId, int slotId) {}

  private final ManualTime time = new ManualTime();
  private final LinkedBlockingQueue<Arrived> arrived = new LinkedBlockingQueue<>();
  private final LinkedBlockingQueue<CallReference> referring = new LinkedBlockingQueue<>();
  private TestServer server;
  private Nfs41TestClient client;
  private TestSession session;
  private CallbackChannel channel;

  @BeforeEach
  void open() throws IOException {
    server =
        new TestServer(
            RpcLimits.DEFAULT, SessionLimits.DEFAULT, time, time, new Workers(2, 8), c -> 0);
    client = server.connect();
    session = TestSession.open(client, "back-channel");
    channel = server.sessions().callbackChannel();
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  private CompletableFuture<Answer> recall() {
    return recall(session.clientId(), HANDLE);
  }

  private CompletableFuture<Answer> recall(long clientId, byte[] fileHandle) {
    return recall(clientId, fileHandle, List.of());
  }

  private CompletableFuture<Answer> recall(
      long clientId, byte[] fileHandle, List<CallReference> grantedBy) {
    CompletableFuture<Answer> answer = new CompletableFuture<>();
    channel.layoutRecall(
        new LayoutRecall(
            1,
            clientId,
            new FileIdentity(1, 2, 3),
            fileHandle,
            LayoutConst4.LAYOUT4_RDMA,
            LayoutConst4.LAYOUTIOMODE4_ANY,
            true,
            4096,
            -1,
            new Stateid4(3, 4, 5),
            grantedBy),
        (outcome, status) -> {
          if (!answer.complete(new Answer(outcome, NfsStat4.name(status)))) {
            throw new AssertionError("told twice: " + outcome);
          }
        });
    return answer;
  }

  /** Reads a CB_COMPOUND up to the recall's arguments, and notes that it came. */
  private Arrived take(XdrReader in) {
    in.skipVariableOpaque(100);
    int minorVersion = in.int32();
    in.int32();
    assertThat(in.int32()).as("operations").isEqualTo(2);
    assertThat(in.int32()).isEqualTo(NfsCbOp4.OP_CB_SEQUENCE);
    Arrived compound = new Arrived(minorVersion, SessionId4.decode(in), in.int32(), in.int32());
    assertThat(in.int32()).as("highest slot").isGreaterThanOrEqualTo(compound.slotId());
    in.bool();
    readReferringCalls(in);
    assertThat(in.int32()).isEqualTo(NfsCbOp4.OP_CB_LAYOUTRECALL);
    arrived.add(compound);
    return compound;
  }

  private void readReferringCalls(XdrReader in) {
    int lists = in.int32();
    for (int i = 0; i < lists; i++) {
      SessionId4 id = SessionId4.decode(in);
      int calls = in.int32();
      for (int j = 0; j < calls; j++) {
        int sequenceId = in.int32();
        referring.add(new CallReference(id, in.int32(), sequenceId));
      }
    }
  }

  @Test
  void recallNamesTheRequestsWhoseRepliesTheClientMayNotHaveSeen() throws Exception {
    client.onCallback((in, out) -> answer(out, take(in), NfsStat4.NFS4_OK));
    client.call(session.next(5, false));
    client.call(session.next(6, false));
    client.call(session.next(6, false));
    CallReference unseen = new CallReference(session.id(), 5, 1);
    CallReference seen = new CallReference(session.id(), 6, 1);
    CallReference latest = new CallReference(session.id(), 6, 2);
    List<CallReference> all = List.of(unseen, seen, latest);
    Nfs41TestClient.await(recall(session.clientId(), HANDLE, all));
    assertThat(referring).containsExactly(unseen, latest);
    referring.clear();
    client.call(session.next(5, false));
    Nfs41TestClient.await(recall(session.clientId(), HANDLE, all));
    assertThat(referring).containsExactly(latest);
  }

  private static void answer(XdrWriter out, Arrived compound, int status) {
    out.int32(status);
    out.int32(0);
    out.int32(2);
    out.int32(NfsCbOp4.OP_CB_SEQUENCE);
    out.int32(NfsStat4.NFS4_OK);
    compound.session().encode(out);
    out.int32(compound.sequenceId());
    out.int32(compound.slotId());
    out.int32(15);
    out.int32(15);
    out.int32(NfsCbOp4.OP_CB_LAYOUTRECALL);
    out.int32(status);
  }

  private static void refuse(XdrWriter out, int sequenceStatus) {
    out.int32(sequenceStatus);
    out.int32(0);
    out.int32(1);
    out.int32(NfsCbOp4.OP_CB_SEQUENCE);
    out.int32(sequenceStatus);
  }

  private Arrived next() throws InterruptedException {
    Arrived compound = arrived.poll(Nfs41TestClient.TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertThat(compound).as("a CB_COMPOUND").isNotNull();
    return compound;
  }

  @Test
  void recallCarriesWhatTheArbiterSaid() {
    CompletableFuture<Void> checked = new CompletableFuture<>();
    client.onCallback((in, out) -> {
      Arrived compound = take(in);
      try {
        assertThat(compound).isEqualTo(new Arrived(1, session.id(), 1, 0));
        assertThat(in.int32()).isEqualTo(LayoutConst4.LAYOUT4_RDMA);
        assertThat(in.int32()).isEqualTo(LayoutConst4.LAYOUTIOMODE4_ANY);
        assertThat(in.bool()).as("changed").isTrue();
        assertThat(in.int32()).isEqualTo(LayoutConst4.LAYOUTRECALL4_FILE);
        assertThat(in.opaque(128)).isEqualTo(HANDLE);
        assertThat(in.int64()).isEqualTo(4096);
        assertThat(in.int64()).isEqualTo(-1);
        assertThat(Stateids.decode(in)).isEqualTo(new Stateid4(3, 4, 5));
        assertThat(in.remaining()).isZero();
        checked.complete(null);
      } catch (AssertionError e) {
        checked.completeExceptionally(e);
      }
      answer(out, compound, NfsStat4.NFS4_OK);
    });
    assertThat(Nfs41TestClient.await(recall())).isEqualTo(Answer.answered("NFS4_OK"));
    Nfs41TestClient.await(checked);
  }

  @Test
  void statusOfTheRecallIsTold() {
    client.onCallback((in, out) -> answer(out, take(in), NfsStat4.NFS4ERR_NOMATCHING_LAYOUT));
    assertThat(Nfs41TestClient.await(recall()))
        .isEqualTo(Answer.answered("NFS4ERR_NOMATCHING_LAYOUT"));
  }

  @Test
  void slotIsUsedAgainWithTheNextSequenceId() throws Exception {
    client.onCallback((in, out) -> answer(out, take(in), NfsStat4.NFS4_OK));
    for (int i = 1; i <= 5; i++) {
      Nfs41TestClient.await(recall());
      assertThat(next()).isEqualTo(new Arrived(1, session.id(), i, 0));
    }
  }

  @Test
  void moreRecallsThanSlotsAllArriveInTheEnd() {
    client.onCallback((in, out) -> answer(out, take(in), NfsStat4.NFS4_OK));
    List<CompletableFuture<Answer>> answers = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      answers.add(recall());
    }
    for (CompletableFuture<Answer> answer : answers) {
      assertThat(Nfs41TestClient.await(answer)).isEqualTo(Answer.answered("NFS4_OK"));
    }
    assertThat(arrived).hasSize(500);
    assertThat(time.pendingCount())
        .as("no timer is left but the lease's and the connection's")
        .isLessThanOrEqualTo(3);
  }

  @Test
  void noBackChannelIsSaidAtOnce() throws IOException {
    try (Nfs41TestClient other = server.connect()) {
      TestSession without = TestSession.open(other, "without", 1, 0);
      assertThat(Nfs41TestClient.await(recall(without.clientId(), HANDLE)).outcome())
          .isEqualTo(Outcome.NO_BACK_CHANNEL);
    }
    assertThat(Nfs41TestClient.await(recall(4711, HANDLE)).outcome())
        .isEqualTo(Outcome.NO_BACK_CHANNEL);
  }

  @Test
  void lostConnectionMeansTheSameRequestOnAnother() throws Exception {
    client.ignoreCallbacks();
    CountDownLatch taken = new CountDownLatch(1);
    try (Nfs41TestClient other = server.connect()) {
      other.call(Compound.of().bind(session.id(), CDFC4_FORE_OR_BOTH));
      other.onCallback((in, out) -> {
        answer(out, take(in), NfsStat4.NFS4_OK);
        taken.countDown();
      });
      CompletableFuture<Answer> answer = recall();
      // The call goes out on the first connection, whose reader drops it; then that one breaks.
      client.close();
      assertThat(Nfs41TestClient.await(answer)).isEqualTo(Answer.answered("NFS4_OK"));
      assertThat(next()).isEqualTo(new Arrived(1, session.id(), 1, 0));
      assertThat(taken.await(Nfs41TestClient.TIMEOUT_SECONDS, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void lostConnectionIsRepairedByTheClient() throws Exception {
    client.ignoreCallbacks();
    CompletableFuture<Answer> answer = recall();
    client.close();
    try (Nfs41TestClient other = server.connect()) {
      other.onCallback((in, out) -> answer(out, take(in), NfsStat4.NFS4_OK));
      other.call(Compound.of().bind(session.id(), CDFC4_FORE_OR_BOTH));
      assertThat(Nfs41TestClient.await(answer)).isEqualTo(Answer.answered("NFS4_OK"));
      assertThat(next().sequenceId()).as("the same request").isEqualTo(1);
    }
  }

  @Test
  void lostConnectionThatNobodyRepairsIsLostAfterTheTimeout() throws Exception {
    client.ignoreCallbacks();
    CompletableFuture<Answer> answer = recall();
    client.close();
    time.pass(9, TimeUnit.SECONDS);
    assertThat(answer).isNotDone();
    time.pass(2, TimeUnit.SECONDS);
    assertThat(Nfs41TestClient.await(answer).outcome()).isEqualTo(Outcome.LOST);
    try (Nfs41TestClient other = server.connect()) {
      int flags;
      do {
        // When the server notices the end of the first connection is up to the kernel.
        flags = other.call(session.next(0, false)).sequenceOk();
      } while (flags == 0);
      assertThat(flags).isEqualTo(SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION);
    }
  }

  @Test
  void silentClientIsLostAfterTheTimeoutAndALateAnswerStillFreesTheSlot() throws Exception {
    CompletableFuture<Void> goOn = new CompletableFuture<>();
    client.onCallback((in, out) -> {
      Arrived compound = take(in);
      goOn.join();
      answer(out, compound, NfsStat4.NFS4_OK);
    });
    CompletableFuture<Answer> answer = recall();
    next();
    time.pass(11, TimeUnit.SECONDS);
    assertThat(Nfs41TestClient.await(answer).outcome()).isEqualTo(Outcome.LOST);
    goOn.complete(null);
    // Its reader is free again: what it reads next comes after its late answer was sent.
    client.call(session.next(0, false));
    Nfs41TestClient.await(recall());
    assertThat(next().sequenceId()).isIn(1, 2);
  }

  @Test
  void silentConnectionMakesWayForAnotherOne() throws Exception {
    client.ignoreCallbacks();
    try (Nfs41TestClient other = server.connect()) {
      other.call(Compound.of().bind(session.id(), CDFC4_FORE_OR_BOTH));
      other.onCallback((in, out) -> answer(out, take(in), NfsStat4.NFS4_OK));
      CompletableFuture<Answer> answer = recall();
      time.pass(11, TimeUnit.SECONDS);
      assertThat(Nfs41TestClient.await(answer).outcome()).isEqualTo(Outcome.LOST);
      assertThat(next()).as("the same request").isEqualTo(new Arrived(1, session.id(), 1, 0));
      assertThat(Nfs41TestClient.await(recall())).isEqualTo(Answer.answered("NFS4_OK"));
    }
  }

  @Test
  void busyClientIsAskedAgainOnTheSameSlot() throws Exception {
    client.onCallback((in, out) -> {
      Arrived compound = take(in);
      if (arrived.size() == 1) {
        refuse(out, NfsStat4.NFS4ERR_DELAY);
      } else {
        answer(out, compound, NfsStat4.NFS4_OK);
      }
    });
    CompletableFuture<Answer> answer = recall();
    while (!answer.isDone()) {
      client.call(session.next(0, false));
      time.pass(10, TimeUnit.MILLISECONDS);
    }
    assertThat(Nfs41TestClient.await(answer)).isEqualTo(Answer.answered("NFS4_OK"));
    assertThat(next()).isEqualTo(new Arrived(1, session.id(), 1, 0));
    assertThat(next()).isEqualTo(new Arrived(1, session.id(), 1, 0));
  }

  @Test
  void clientThatLostTrackIsAFaultAndIsTold() {
    client.onCallback((in, out) -> {
      take(in);
      refuse(out, NfsStat4.NFS4ERR_SEQ_MISORDERED);
    });
    assertThat(Nfs41TestClient.await(recall()).outcome()).isEqualTo(Outcome.LOST);
    assertThat(client.call(session.next(0, false)).sequenceOk())
        .isEqualTo(
            SEQ4_STATUS_BACKCHANNEL_FAULT
                | SEQ4_STATUS_CB_PATH_DOWN
                | SEQ4_STATUS_CB_PATH_DOWN_SESSION);
    assertThat(Nfs41TestClient.await(recall()).outcome()).isEqualTo(Outcome.NO_BACK_CHANNEL);
  }

  @Test
  void nonsenseInPlaceOfAnAnswerIsAFault() {
    client.onCallback((in, out) -> out.int32(0));
    assertThat(Nfs41TestClient.await(recall()).outcome()).isEqualTo(Outcome.LOST);
  }

  @Test
  void destroyedSessionEndsItsRecalls() throws Exception {
    CompletableFuture<Void> never = new CompletableFuture<>();
    client.onCallback((in, out) -> {
      take(in);
      never.join();
    });
    CompletableFuture<Answer> answer = recall();
    next();
    server.sessions().revoke(session.clientId());
    assertThat(Nfs41TestClient.await(answer).outcome()).isEqualTo(Outcome.LOST);
    never.complete(null);
  }

  @Test
  void callbacksCarryTheMinorVersionOfTheSession() throws Exception {
    try (Nfs41TestClient newer = server.connect()) {
      newer.onCallback((in, out) -> answer(out, take(in), NfsStat4.NFS4_OK));
      var exchanged = newer.call(Compound.of().minorVersion(2).exchangeId("minor 2", 1, 0));
      exchanged.next(NfsOp4.OP_EXCHANGE_ID);
      long clientId = exchanged.in().int64();
      newer.call(
          Compound.of()
              .minorVersion(2)
              .createSession(
                  clientId,
                  1,
                  CREATE_SESSION4_FLAG_CONN_BACK_CHAN,
                  TestSession.GENEROUS,
                  TestSession.BACK));
      assertThat(Nfs41TestClient.await(recall(clientId, HANDLE)))
          .isEqualTo(Answer.answered("NFS4_OK"));
      assertThat(next().minorVersion()).isEqualTo(2);
    }
  }

  @Test
  void backchannelCtlChangesTheProgram() throws Exception {
    client.onCallback((in, out) -> answer(out, take(in), NfsStat4.NFS4_OK));
    assertThat(
            session
                .call(c ->
                    c.op(
                        NfsOp4.OP_BACKCHANNEL_CTL,
                        o -> {
                          o.int32(0x40000007);
                          o.int32(1);
                          o.int32(1);
                          o.int32(0);
                          o.int32(0);
                          o.int32(1);
                          o.int32(2);
                          o.int32(0);
                        }))
                .status())
        .isEqualTo("NFS4_OK");
    Nfs41TestClient.await(recall());
    assertThat(client.lastCallbackProgram()).isEqualTo(0x40000007);
  }
}
