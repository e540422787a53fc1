package io.selkie.server.session;

import static io.selkie.protocol.nfs4.SessionConst4.CDFC4_BACK;
import static io.selkie.protocol.nfs4.SessionConst4.CDFC4_BACK_OR_BOTH;
import static io.selkie.protocol.nfs4.SessionConst4.CDFC4_FORE;
import static io.selkie.protocol.nfs4.SessionConst4.CDFC4_FORE_OR_BOTH;
import static io.selkie.protocol.nfs4.SessionConst4.CDFS4_BACK;
import static io.selkie.protocol.nfs4.SessionConst4.CDFS4_BOTH;
import static io.selkie.protocol.nfs4.SessionConst4.CDFS4_FORE;
import static io.selkie.protocol.nfs4.SessionConst4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN;
import static io.selkie.protocol.nfs4.SessionConst4.CREATE_SESSION4_FLAG_CONN_RDMA;
import static io.selkie.protocol.nfs4.SessionConst4.CREATE_SESSION4_FLAG_PERSIST;
import static io.selkie.protocol.nfs4.SessionConst4.SEQ4_STATUS_CB_PATH_DOWN;
import static io.selkie.protocol.nfs4.SessionConst4.SEQ4_STATUS_CB_PATH_DOWN_SESSION;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.ChannelAttrs4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestOps;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Goal: the operations on sessions and clients besides EXCHANGE_ID and the reply cache. */
@Timeout(120)
class SessionOpsTest {

  private static final String OWNER = "session-ops";

  private TestServer server;
  private Nfs41TestClient client;

  @BeforeEach
  void open() throws IOException {
    server = TestServer.start(TestOps.putRootFh());
    client = server.connect();
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  private long exchange(String owner) {
    CompoundReply reply = client.call(Compound.of().exchangeId(owner, 1, 0));
    assertThat(reply.next(NfsOp4.OP_EXCHANGE_ID)).isEqualTo("NFS4_OK");
    return reply.in().int64();
  }

  private static Compound create(long clientId, int sequence, int flags) {
    return Compound.of()
        .createSession(clientId, sequence, flags, TestSession.GENEROUS, TestSession.BACK);
  }

  @Test
  void createSessionNegotiatesEveryAttributeDownwards() {
    CompoundReply reply = client.call(create(exchange(OWNER), 1, 0));
    assertThat(reply.next(NfsOp4.OP_CREATE_SESSION)).isEqualTo("NFS4_OK");
    XdrReader in = reply.in();
    SessionId4.decode(in);
    assertThat(in.int32()).as("csr_sequence").isEqualTo(1);
    assertThat(in.int32()).as("csr_flags").isZero();
    SessionLimits limits = SessionLimits.DEFAULT;
    assertThat(ChannelAttrs4.decode(in))
        .isEqualTo(
            new ChannelAttrs4(
                0,
                limits.requestBytesMax(),
                limits.responseBytesMax(),
                limits.cachedBytesMax(),
                limits.operationsMax(),
                limits.slotsMax()));
    assertThat(ChannelAttrs4.decode(in)).isEqualTo(TestSession.BACK);
    assertThat(in.remaining()).isZero();
  }

  @Test
  void createSessionIsRepeatedOnlyOnce() {
    long clientId = exchange(OWNER);
    CompoundReply first = client.call(create(clientId, 1, 0));
    CompoundReply retry = client.call(create(clientId, 1, 0));
    assertThat(retry.compoundBytes()).isEqualTo(first.compoundBytes());
    assertThat(server.sessions().sessionCount()).isEqualTo(1);
    assertThat(client.call(create(clientId, 3, 0)).status()).isEqualTo("NFS4ERR_SEQ_MISORDERED");
    assertThat(client.call(create(clientId, 0, 0)).status()).isEqualTo("NFS4ERR_SEQ_MISORDERED");
    assertThat(client.call(create(clientId, 2, 0)).status()).isEqualTo("NFS4_OK");
    assertThat(server.sessions().sessionCount()).isEqualTo(2);
  }

  @Test
  void sequenceIdBeforeTheFirstIsMisordered() {
    assertThat(client.call(create(exchange(OWNER), 0, 0)).status())
        .isEqualTo("NFS4ERR_SEQ_MISORDERED");
  }

  @Test
  void createSessionOfAnUnknownClientIsStale() {
    assertThat(client.call(create(4711, 1, 0)).status()).isEqualTo("NFS4ERR_STALE_CLIENTID");
  }

  @Test
  void createSessionByAnotherPrincipalIsRefusedAndChangesNothing() {
    long clientId = exchange(OWNER);
    client.as(4711);
    assertThat(client.call(create(clientId, 1, 0)).status()).isEqualTo("NFS4ERR_CLID_INUSE");
    client.as(0);
    assertThat(client.call(create(clientId, 1, 0)).status()).isEqualTo("NFS4_OK");
    client.as(4711);
    assertThat(client.call(create(clientId, 2, 0)).status()).isEqualTo("NFS4ERR_CLID_INUSE");
  }

  @Test
  void undefinedFlagsAndUselessChannelsAreRefused() {
    long clientId = exchange(OWNER);
    assertThat(client.call(create(clientId, 1, 8)).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(client.call(create(clientId, 1, 0)).status())
        .as("the refusal is the cached reply")
        .isEqualTo("NFS4ERR_INVAL");
    int sequence = 2;
    for (ChannelAttrs4 tooSmall :
        new ChannelAttrs4[] {
          new ChannelAttrs4(0, 10, 4096, 4096, 8, 8), new ChannelAttrs4(0, 4096, 10, 4096, 8, 8),
        }) {
      CompoundReply reply =
          client.call(
              Compound.of().createSession(clientId, sequence++, 0, tooSmall, TestSession.BACK));
      assertThat(reply.status()).isEqualTo("NFS4ERR_TOOSMALL");
    }
    ChannelAttrs4 noSlots = new ChannelAttrs4(0, 4096, 4096, 4096, 8, 0);
    assertThat(
            client
                .call(Compound.of().createSession(clientId, sequence, 0, noSlots, noSlots))
                .status())
        .isEqualTo("NFS4ERR_INVAL");
    assertThat(server.sessions().sessionCount()).isZero();
  }

  @Test
  void persistentReplyCacheAndRdmaModeAreNotPromised() {
    int wanted =
        CREATE_SESSION4_FLAG_PERSIST
            | CREATE_SESSION4_FLAG_CONN_RDMA
            | CREATE_SESSION4_FLAG_CONN_BACK_CHAN;
    TestSession session = TestSession.open(client, OWNER, 1, wanted);
    assertThat(session.flags()).isEqualTo(CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
  }

  @Test
  void gssCallbacksWithoutAContextAreRefused() {
    long clientId = exchange(OWNER);
    CompoundReply reply =
        client.call(
            Compound.of()
                .op(
                    NfsOp4.OP_CREATE_SESSION,
                    o -> {
                      o.int64(clientId);
                      o.int32(1);
                      o.int32(0);
                      TestSession.GENEROUS.encode(o);
                      TestSession.BACK.encode(o);
                      o.int32(0x40000000);
                      o.int32(1);
                      o.int32(RpcConst.RPCSEC_GSS);
                      o.int32(2);
                      o.opaque(new byte[8]);
                      o.opaque(new byte[8]);
                    }));
    assertThat(reply.status()).isEqualTo("NFS4ERR_NOENT");
  }

  @Test
  void createSessionWaitsUntilTheEarlierIncarnationIsGone() {
    TestSession.open(client, OWNER, 1, 0);
    CompletableFuture<Void> gone = new CompletableFuture<>();
    server.goneStage(gone);
    CompoundReply exchanged = client.call(Compound.of().exchangeId(OWNER, 2, 0));
    exchanged.next(NfsOp4.OP_EXCHANGE_ID);
    CompletableFuture<CompoundReply> created = client.send(create(exchanged.in().int64(), 1, 0));
    // Another request is answered in the meantime; so the first is not just slow.
    exchange("somebody else");
    assertThat(created).isNotDone();
    gone.complete(null);
    assertThat(Nfs41TestClient.await(created).status()).isEqualTo("NFS4_OK");
  }

  @ParameterizedTest
  @CsvSource({
    CDFC4_FORE + "," + CDFS4_FORE,
    CDFC4_BACK + "," + CDFS4_BACK,
    CDFC4_FORE_OR_BOTH + "," + CDFS4_BOTH,
    CDFC4_BACK_OR_BOTH + "," + CDFS4_BOTH
  })
  void newConnectionGetsTheChannelsItAsksFor(int wanted, int granted) throws IOException {
    TestSession session = TestSession.open(client, OWNER, 1, 0);
    try (Nfs41TestClient other = server.connect()) {
      assertThat(bind(other, session, wanted)).isEqualTo("NFS4_OK " + granted);
      assertThat(bind(other, session, wanted)).as("again").isEqualTo("NFS4_OK " + granted);
    }
  }

  private static String bind(Nfs41TestClient connection, TestSession session, int wanted) {
    CompoundReply reply = connection.call(Compound.of().bind(session.id(), wanted));
    String status = reply.next(NfsOp4.OP_BIND_CONN_TO_SESSION);
    if (!status.equals("NFS4_OK")) {
      return status;
    }
    assertThat(SessionId4.decode(reply.in())).isEqualTo(session.id());
    return status + " " + reply.in().int32();
  }

  @Test
  void channelsOnceChosenStay() throws IOException {
    TestSession session = TestSession.open(client, OWNER, 1, 0);
    try (Nfs41TestClient other = server.connect()) {
      bind(other, session, CDFC4_FORE);
      assertThat(bind(other, session, CDFC4_BACK)).isEqualTo("NFS4ERR_INVAL");
      assertThat(bind(other, session, CDFC4_BACK_OR_BOTH)).isEqualTo("NFS4ERR_INVAL");
      assertThat(bind(other, session, CDFC4_FORE_OR_BOTH)).isEqualTo("NFS4_OK " + CDFS4_FORE);
    }
  }

  @Test
  void connectionThatJoinedBySequenceMayStillAskForTheBackChannel() throws IOException {
    TestSession session = TestSession.open(client, OWNER, 1, 0);
    try (Nfs41TestClient other = server.connect()) {
      CompoundReply reply = other.call(session.next(0, false));
      assertThat(reply.sequenceOk())
          .isEqualTo(SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION);
      assertThat(bind(other, session, CDFC4_FORE_OR_BOTH)).isEqualTo("NFS4_OK " + CDFS4_BOTH);
      assertThat(other.call(session.next(0, false)).sequenceOk()).isZero();
    }
  }

  @Test
  void bindRefusesNonsense() {
    TestSession session = TestSession.open(client, OWNER, 1, 0);
    assertThat(client.call(Compound.of().bind(session.id(), 4)).status())
        .isEqualTo("NFS4ERR_BADXDR");
    assertThat(client.call(Compound.of().bind(new SessionId4(1, 1), CDFC4_FORE)).status())
        .isEqualTo("NFS4ERR_BADSESSION");
    CompoundReply reply = session.call(c -> c.bind(session.id(), CDFC4_FORE));
    assertThat(reply.next(NfsOp4.OP_BIND_CONN_TO_SESSION)).isEqualTo("NFS4ERR_NOT_ONLY_OP");
  }

  @Test
  void backChannelOfAnotherSessionKeepsTheClientReachable() {
    TestSession with = TestSession.open(client, OWNER, 1, CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
    TestSession without =
        TestSession.create(client, with.clientId(), 2, 0, TestSession.GENEROUS, TestSession.BACK);
    assertThat(client.call(with.next(0, false)).sequenceOk()).isZero();
    assertThat(client.call(without.next(0, false)).sequenceOk())
        .isEqualTo(SEQ4_STATUS_CB_PATH_DOWN_SESSION);
  }

  @Test
  void sessionCannotBeUsedOnAConnectionOfAnotherClient() throws IOException {
    TestSession mine = TestSession.open(client, OWNER, 1, 0);
    try (Nfs41TestClient thief = server.connect()) {
      TestSession.open(thief, "thief", 1, 0);
      CompoundReply reply = thief.call(mine.next(0, false));
      assertThat(reply.next(NfsOp4.OP_SEQUENCE)).isEqualTo("NFS4ERR_CONN_NOT_BOUND_TO_SESSION");
      assertThat(thief.call(Compound.of().destroySession(mine.id())).status())
          .isEqualTo("NFS4ERR_CONN_NOT_BOUND_TO_SESSION");
    }
    assertThat(client.call(mine.again(0, false)).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void destroyedSessionIsGoneForEverybody() {
    TestSession session = TestSession.open(client, OWNER, 1, 0);
    assertThat(client.call(Compound.of().destroySession(session.id())).status())
        .isEqualTo("NFS4_OK");
    assertThat(client.call(session.next(0, false)).status()).isEqualTo("NFS4ERR_BADSESSION");
    assertThat(client.call(Compound.of().destroySession(session.id())).status())
        .isEqualTo("NFS4ERR_BADSESSION");
    assertThat(server.goneSessions()).containsExactly(session.id());
    assertThat(server.sessions().clientOf(session.id())).isEmpty();
  }

  @Test
  void sessionThatDestroysItselfMustDoSoLast() {
    TestSession session = TestSession.open(client, OWNER, 1, 0);
    CompoundReply reply = session.call(c -> c.destroySession(session.id()).op(NfsOp4.OP_PUTROOTFH));
    assertThat(reply.next(NfsOp4.OP_DESTROY_SESSION)).isEqualTo("NFS4ERR_NOT_ONLY_OP");
    reply = session.call(c -> c.op(NfsOp4.OP_PUTROOTFH).destroySession(session.id()));
    assertThat(reply.status()).isEqualTo("NFS4_OK");
  }

  @Test
  void clientWithSessionsIsBusy() {
    TestSession session = TestSession.open(client, OWNER, 1, 0);
    long id = session.clientId();
    assertThat(client.call(Compound.of().destroyClientid(id)).status())
        .isEqualTo("NFS4ERR_CLIENTID_BUSY");
    assertThat(session.call(c -> c.destroyClientid(id)).status())
        .isEqualTo("NFS4ERR_CLIENTID_BUSY");
    client.call(Compound.of().destroySession(session.id()));
    assertThat(client.call(Compound.of().destroyClientid(id)).status()).isEqualTo("NFS4_OK");
    assertThat(client.call(Compound.of().destroyClientid(id)).status())
        .isEqualTo("NFS4ERR_STALE_CLIENTID");
    assertThat(server.gone())
        .containsExactly(new TestServer.Gone(id, ClientLifecycle.Cause.DESTROYED));
  }

  @Test
  void reclaimCompleteIsSaidOnce() {
    TestSession session = TestSession.open(client, OWNER, 1, 0);
    assertThat(server.sessions().isReclaimComplete(session.clientId())).isFalse();
    assertThat(session.call(Compound::reclaimComplete).status()).isEqualTo("NFS4_OK");
    assertThat(server.sessions().isReclaimComplete(session.clientId())).isTrue();
    assertThat(session.call(Compound::reclaimComplete).status())
        .isEqualTo("NFS4ERR_COMPLETE_ALREADY");
    assertThat(session.call(c -> c.op(NfsOp4.OP_RECLAIM_COMPLETE, o -> o.bool(true))).status())
        .isEqualTo("NFS4ERR_NOFILEHANDLE");
  }

  @Test
  void stateidsAreTestedAndFreedByTheirOwners() {
    Stateid4 mine = new Stateid4(1, 42, 7);
    server
        .sessions()
        .register(
            new StateOwners() {
              @Override
              public int testStateid(long clientId, Stateid4 stateid) {
                return stateid.sameOther(mine)
                    ? NfsStat4.NFS4ERR_DELEG_REVOKED
                    : NfsStat4.NFS4ERR_BAD_STATEID;
              }

              @Override
              public int freeStateid(long clientId, Stateid4 stateid) {
                return stateid.sameOther(mine)
                    ? NfsStat4.NFS4ERR_LOCKS_HELD
                    : NfsStat4.NFS4ERR_BAD_STATEID;
              }

              @Override
              public boolean holdsState(long clientId) {
                return true;
              }

              @Override
              public int statusFlags(long clientId) {
                return 0x40;
              }
            });
    TestSession session = TestSession.open(client, OWNER, 1, CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
    assertThat(client.call(session.next(0, false)).sequenceOk())
        .as("RECALLABLE_STATE_REVOKED")
        .isEqualTo(0x40);
    CompoundReply reply =
        session.call(c ->
            c.op(
                NfsOp4.OP_TEST_STATEID,
                o -> {
                  o.int32(3);
                  Stateids.encode(o, mine);
                  Stateids.encode(o, new Stateid4(1, 1, 1));
                  Stateids.encode(o, Stateids.ANONYMOUS);
                }));
    assertThat(reply.next(NfsOp4.OP_TEST_STATEID)).isEqualTo("NFS4_OK");
    assertThat(reply.in().int32()).isEqualTo(3);
    assertThat(reply.in().int32()).isEqualTo(NfsStat4.NFS4ERR_DELEG_REVOKED);
    assertThat(reply.in().int32()).isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
    assertThat(reply.in().int32()).isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
    assertThat(free(session, mine)).isEqualTo("NFS4ERR_LOCKS_HELD");
    assertThat(free(session, new Stateid4(1, 1, 1))).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(free(session, Stateids.CURRENT)).isEqualTo("NFS4ERR_BAD_STATEID");
    client.call(Compound.of().destroySession(session.id()));
    assertThat(client.call(Compound.of().destroyClientid(session.clientId())).status())
        .isEqualTo("NFS4ERR_CLIENTID_BUSY");
  }

  private static String free(TestSession session, Stateid4 stateid) {
    return session
        .call(c -> c.op(NfsOp4.OP_FREE_STATEID, o -> Stateids.encode(o, stateid)))
        .status();
  }

  @Test
  void secinfoNoNameListsTheFlavorsAndConsumesTheFileHandle() {
    TestSession session = TestSession.open(client, OWNER, 1, 0);
    CompoundReply reply =
        session.call(c ->
            c.op(NfsOp4.OP_PUTROOTFH)
                .op(NfsOp4.OP_SECINFO_NO_NAME, o -> o.int32(0))
                .op(NfsOp4.OP_SECINFO_NO_NAME, o -> o.int32(0)));
    reply.next(NfsOp4.OP_PUTROOTFH);
    assertThat(reply.next(NfsOp4.OP_SECINFO_NO_NAME)).isEqualTo("NFS4_OK");
    assertThat(reply.in().int32()).isEqualTo(2);
    assertThat(reply.in().int32()).isEqualTo(RpcConst.AUTH_SYS);
    assertThat(reply.in().int32()).isEqualTo(RpcConst.AUTH_NONE);
    assertThat(reply.next(NfsOp4.OP_SECINFO_NO_NAME)).isEqualTo("NFS4ERR_NOFILEHANDLE");
  }

  @Test
  void replyCacheBudgetShrinksSessionsAndThenRefusesThem() throws IOException {
    SessionLimits d = SessionLimits.DEFAULT;
    SessionLimits tight =
        new SessionLimits(
            d.lease(),
            d.courtesy(),
            10,
            10,
            10,
            10,
            10,
            10,
            4,
            1 << 16,
            1 << 16,
            1024,
            8,
            16,
            20 * Session.bytesPerSlot(1024) + 4 * Session.OVERHEAD_BYTES,
            4,
            4,
            d.callbackTimeout());
    try (TestServer small =
            new TestServer(
                io.selkie.server.rpc.RpcLimits.DEFAULT,
                tight,
                io.selkie.config.time.NanoClock.system(),
                new io.selkie.server.testing.TestTimers(),
                new io.selkie.server.compound.Workers(1, 4),
                c -> 0);
        Nfs41TestClient one = small.connect()) {
      assertThat(TestSession.open(one, "a", 1, 0).fore().maxRequests()).isEqualTo(16);
      TestSession second = TestSession.open(one, "b", 1, 0);
      assertThat(second.fore().maxRequests()).isEqualTo(2);
      assertThat(TestSession.open(one, "d", 1, 0).fore().maxRequests()).isEqualTo(1);
      assertThat(TestSession.open(one, "e", 1, 0).fore().maxRequests()).isEqualTo(1);
      CompoundReply exchanged = one.call(Compound.of().exchangeId("c", 1, 0));
      exchanged.next(NfsOp4.OP_EXCHANGE_ID);
      long third = exchanged.in().int64();
      assertThat(one.call(create(third, 1, 0)).status()).isEqualTo("NFS4ERR_NOSPC");
      one.call(Compound.of().destroySession(second.id()));
      assertThat(one.call(create(third, 2, 0)).status()).isEqualTo("NFS4_OK");
    }
  }
}
