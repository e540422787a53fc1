package io.selkie.server.session;

import static io.selkie.protocol.nfs4.SessionConst4.EXCHGID4_FLAG_CONFIRMED_R;
import static io.selkie.protocol.nfs4.SessionConst4.EXCHGID4_FLAG_MASK_PNFS;
import static io.selkie.protocol.nfs4.SessionConst4.EXCHGID4_FLAG_UPD_CONFIRMED_REC_A;
import static io.selkie.protocol.nfs4.SessionConst4.EXCHGID4_FLAG_USE_PNFS_MDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * Goal: EXCHANGE_ID answers each of the nine cases of RFC 8881 section 18.35.4 as written there.
 * Method: a table of what came before and what must come of the request; the client owner is always
 * the same, verifier, principal and the update flag vary.
 */
@Timeout(120)
class ExchangeIdTest {

  private static final String OWNER = "exchange-id";
  private static final int UPDATE = EXCHGID4_FLAG_UPD_CONFIRMED_REC_A;

  /** What the server knows of the owner when the request comes. */
  enum Before {
    /** Nothing. */
    NOTHING,
    /** An unconfirmed record with verifier 1, of user 100. */
    UNCONFIRMED,
    /** A confirmed record with verifier 1, of user 100, and a session. */
    CONFIRMED,
    /** The same without any session or other state. */
    CONFIRMED_WITHOUT_STATE,
    /** That confirmed record, and an unconfirmed one with verifier 2 of the same user. */
    CONFIRMED_AND_RESTARTING
  }

  /** Which client ID the answer carries. */
  enum Id {
    /** None: it is refused. */
    NONE,
    /** That of the confirmed record. */
    CONFIRMED,
    /** One never seen before. */
    NEW
  }

  record Case(
      String number, Before before, long verifier, int uid, int flags, String status, Id id) {}

  static final List<Case> CASES =
      List.of(
          new Case("1 new owner", Before.NOTHING, 1, 100, 0, "NFS4_OK", Id.NEW),
          new Case("2 non-update", Before.CONFIRMED, 1, 100, 0, "NFS4_OK", Id.CONFIRMED),
          new Case("3 collision", Before.CONFIRMED, 1, 200, 0, "NFS4ERR_CLID_INUSE", Id.NONE),
          new Case(
              "3 collision, other verifier",
              Before.CONFIRMED,
              2,
              200,
              0,
              "NFS4ERR_CLID_INUSE",
              Id.NONE),
          new Case(
              "3 collision without state",
              Before.CONFIRMED_WITHOUT_STATE,
              1,
              200,
              0,
              "NFS4_OK",
              Id.NEW),
          new Case("4 unconfirmed again", Before.UNCONFIRMED, 1, 100, 0, "NFS4_OK", Id.NEW),
          new Case("4 other verifier", Before.UNCONFIRMED, 2, 100, 0, "NFS4_OK", Id.NEW),
          new Case("4 other principal", Before.UNCONFIRMED, 1, 200, 0, "NFS4_OK", Id.NEW),
          new Case("5 restart", Before.CONFIRMED, 2, 100, 0, "NFS4_OK", Id.NEW),
          new Case(
              "5 restart again", Before.CONFIRMED_AND_RESTARTING, 3, 100, 0, "NFS4_OK", Id.NEW),
          new Case(
              "5 and back: the old incarnation is still there",
              Before.CONFIRMED_AND_RESTARTING,
              1,
              100,
              0,
              "NFS4_OK",
              Id.CONFIRMED),
          new Case("6 update", Before.CONFIRMED, 1, 100, UPDATE, "NFS4_OK", Id.CONFIRMED),
          new Case("7 no record", Before.NOTHING, 1, 100, UPDATE, "NFS4ERR_NOENT", Id.NONE),
          new Case("7 unconfirmed", Before.UNCONFIRMED, 1, 100, UPDATE, "NFS4ERR_NOENT", Id.NONE),
          new Case(
              "8 wrong verifier", Before.CONFIRMED, 2, 100, UPDATE, "NFS4ERR_NOT_SAME", Id.NONE),
          new Case(
              "8 wrong verifier and principal",
              Before.CONFIRMED,
              2,
              200,
              UPDATE,
              "NFS4ERR_NOT_SAME",
              Id.NONE),
          new Case("9 wrong principal", Before.CONFIRMED, 1, 200, UPDATE, "NFS4ERR_PERM", Id.NONE));

  private TestServer server;
  private Nfs41TestClient client;

  @BeforeEach
  void open() throws IOException {
    server = TestServer.start();
    client = server.connect().as(100);
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  @ParameterizedTest
  @FieldSource("CASES")
  void everyCaseIsAnsweredAsTheRfcSays(Case given) {
    List<Long> known = prepare(given.before());
    long clientsBefore = server.sessions().clients().size();

    client.as(given.uid());
    CompoundReply reply =
        client.call(Compound.of().exchangeId(OWNER, given.verifier(), given.flags()));

    assertThat(reply.next(NfsOp4.OP_EXCHANGE_ID)).isEqualTo(given.status());
    if (given.id() == Id.NONE) {
      assertThat(reply.in().remaining()).as("a refusal has no body").isZero();
      assertThat(server.sessions().clients()).as("records unchanged").hasSize((int) clientsBefore);
      return;
    }
    long clientId = reply.in().int64();
    reply.in().int32();
    int flags = reply.in().int32();
    assertThat(flags & EXCHGID4_FLAG_MASK_PNFS).isEqualTo(EXCHGID4_FLAG_USE_PNFS_MDS);
    assertThat(flags & EXCHGID4_FLAG_UPD_CONFIRMED_REC_A).isZero();
    if (given.id() == Id.CONFIRMED) {
      assertThat(clientId).isEqualTo(known.getFirst());
      assertThat(flags & EXCHGID4_FLAG_CONFIRMED_R).isNotZero();
    } else {
      assertThat(known).doesNotContain(clientId);
      assertThat(flags & EXCHGID4_FLAG_CONFIRMED_R).isZero();
    }
  }

  /** Brings about what is to be known; returns the client IDs, the confirmed one first. */
  private List<Long> prepare(Before before) {
    return switch (before) {
      case NOTHING -> List.of();
      case UNCONFIRMED -> List.of(exchange(1));
      case CONFIRMED -> List.of(TestSession.open(client, OWNER, 1, 0).clientId());
      case CONFIRMED_WITHOUT_STATE -> {
        TestSession session = TestSession.open(client, OWNER, 1, 0);
        assertThat(client.call(Compound.of().destroySession(session.id())).status())
            .isEqualTo("NFS4_OK");
        yield List.of(session.clientId());
      }
      case CONFIRMED_AND_RESTARTING ->
          List.of(TestSession.open(client, OWNER, 1, 0).clientId(), exchange(2));
    };
  }

  private long exchange(long verifier) {
    CompoundReply reply = client.call(Compound.of().exchangeId(OWNER, verifier, 0));
    assertThat(reply.next(NfsOp4.OP_EXCHANGE_ID)).isEqualTo("NFS4_OK");
    return reply.in().int64();
  }

  @Test
  void restartedClientKeepsItsOldStateUntilTheNewOneIsConfirmed() throws Exception {
    TestSession old = TestSession.open(client, OWNER, 1, 0);
    exchange(2);
    assertThat(client.call(old.next(0, false)).status()).isEqualTo("NFS4_OK");
    assertThat(server.gone()).isEmpty();

    TestSession fresh = TestSession.open(client, OWNER, 2, 0);

    assertThat(server.gone())
        .containsExactly(new TestServer.Gone(old.clientId(), ClientLifecycle.Cause.RESTARTED));
    assertThat(server.goneSessions()).containsExactly(old.id());
    assertThat(client.call(old.next(0, false)).status()).isEqualTo("NFS4ERR_BADSESSION");
    assertThat(client.call(fresh.next(0, false)).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void replacedUnconfirmedClientIdIsStale() {
    long first = exchange(1);
    exchange(1);
    CompoundReply reply =
        client.call(
            Compound.of().createSession(first, 1, 0, TestSession.GENEROUS, TestSession.BACK));
    assertThat(reply.status()).isEqualTo("NFS4ERR_STALE_CLIENTID");
  }

  @Test
  void undefinedFlagsAreInvalid() {
    for (int flag : new int[] {0x8, 0x200, 0x80000, 0x2000_0000, EXCHGID4_FLAG_CONFIRMED_R}) {
      assertThat(client.call(Compound.of().exchangeId(OWNER, 1, flag)).status())
          .as("flag %x", flag)
          .isEqualTo("NFS4ERR_INVAL");
    }
    int all = EXCHGID4_FLAG_MASK_PNFS | SessionConst4.EXCHGID4_FLAG_SUPP_MOVED_MIGR;
    assertThat(client.call(Compound.of().exchangeId(OWNER, 1, all)).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void whoWantsNothingOfLayoutsIsToldThatThereAreNone() {
    for (int wanted : new int[] {0, EXCHGID4_FLAG_MASK_PNFS, EXCHGID4_FLAG_USE_PNFS_MDS}) {
      assertThat(roleFor(wanted)).isEqualTo(EXCHGID4_FLAG_USE_PNFS_MDS);
    }
    assertThat(roleFor(SessionConst4.EXCHGID4_FLAG_USE_NON_PNFS))
        .isEqualTo(SessionConst4.EXCHGID4_FLAG_USE_NON_PNFS);
  }

  private int roleFor(int wanted) {
    CompoundReply reply = client.call(Compound.of().exchangeId("role " + wanted, 1, wanted));
    assertThat(reply.next(NfsOp4.OP_EXCHANGE_ID)).isEqualTo("NFS4_OK");
    reply.in().skip(8 + 4);
    return reply.in().int32() & EXCHGID4_FLAG_MASK_PNFS;
  }

  @Test
  void stateProtectionWithoutGssIsRefused() {
    Consumer<XdrWriter> machineCredential =
        o -> {
          o.int32(SessionConst4.SP4_MACH_CRED);
          o.int32(0);
          o.int32(0);
        };
    assertThat(protect(machineCredential)).isEqualTo("NFS4ERR_INVAL");
    assertThat(protect(o -> ssv(o, 1, 1, 1))).isEqualTo("NFS4ERR_ENCR_ALG_UNSUPP");
    assertThat(protect(o -> ssv(o, 0, 1, 1))).isEqualTo("NFS4ERR_INVAL");
    assertThat(protect(o -> ssv(o, 1, 0, 1))).isEqualTo("NFS4ERR_INVAL");
    assertThat(protect(o -> ssv(o, 1, 1, 0))).isEqualTo("NFS4ERR_INVAL");
    assertThat(protect(o -> o.int32(3))).isEqualTo("NFS4ERR_BADXDR");
  }

  private static void ssv(XdrWriter o, int hashAlgorithms, int encryptionAlgorithms, int window) {
    o.int32(SessionConst4.SP4_SSV);
    o.int32(0);
    o.int32(0);
    o.int32(hashAlgorithms);
    for (int i = 0; i < hashAlgorithms; i++) {
      o.opaque(new byte[9]);
    }
    o.int32(encryptionAlgorithms);
    for (int i = 0; i < encryptionAlgorithms; i++) {
      o.opaque(new byte[9]);
    }
    o.int32(window);
    o.int32(1);
  }

  private String protect(Consumer<XdrWriter> protection) {
    return client
        .call(
            Compound.of()
                .op(
                    NfsOp4.OP_EXCHANGE_ID,
                    o -> {
                      o.int64(1);
                      o.opaque(new byte[] {1});
                      o.int32(0);
                      protection.accept(o);
                      o.int32(0);
                    }))
        .status();
  }

  @Test
  void ownerMayHave1024BytesAndNotMore() {
    assertThat(client.call(Compound.of().exchangeId("x".repeat(1024), 1, 0)).status())
        .isEqualTo("NFS4_OK");
    assertThat(client.call(Compound.of().exchangeId("x".repeat(1025), 1, 0)).status())
        .isEqualTo("NFS4ERR_BADXDR");
  }

  @Test
  void answerNamesServerScopeAndImplementation() {
    CompoundReply reply = client.call(Compound.of().exchangeId(OWNER, 1, 0));
    reply.next(NfsOp4.OP_EXCHANGE_ID);
    XdrReader in = reply.in();
    assertThat(in.int64() >>> 32).as("boot epoch").isEqualTo(0x5E1C1E);
    assertThat(in.int32()).as("eir_sequenceid").isEqualTo(1);
    in.int32();
    assertThat(in.int32()).as("SP4_NONE").isZero();
    assertThat(in.int64()).as("so_minor_id").isZero();
    assertThat(in.utf8(1024)).isEqualTo("selkie-test");
    assertThat(in.utf8(1024)).isEqualTo("scope");
    assertThat(in.int32()).isEqualTo(1);
    assertThat(in.utf8(1024)).isEqualTo("example.org");
    assertThat(in.utf8(1024)).isEqualTo("Selkie");
    in.skip(12);
    assertThat(in.remaining()).isZero();
  }

  @Test
  void mustBeAloneOrBehindSequence() {
    CompoundReply reply =
        client.call(Compound.of().exchangeId(OWNER, 1, 0).exchangeId(OWNER, 1, 0));
    assertThat(reply.next(NfsOp4.OP_EXCHANGE_ID)).isEqualTo("NFS4ERR_NOT_ONLY_OP");
    TestSession session = TestSession.open(client, OWNER, 1, 0);
    reply = session.call(c -> c.exchangeId(OWNER, 1, UPDATE));
    assertThat(reply.next(NfsOp4.OP_EXCHANGE_ID)).isEqualTo("NFS4_OK");
  }

  @Test
  void floodOfUnconfirmedClientsIsBounded() {
    int max = SessionLimits.DEFAULT.unconfirmedPerHostMax();
    for (int i = 0; i < max + 50; i++) {
      CompoundReply reply = client.call(Compound.of().exchangeId("flood " + i, 1, 0));
      assertThat(reply.status()).isEqualTo("NFS4_OK");
    }
    assertThat(server.sessions().clients()).hasSize(max);
  }
}
