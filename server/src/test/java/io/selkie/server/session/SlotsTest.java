package io.selkie.server.session;

import static io.selkie.protocol.nfs4.SessionConst4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.ChannelAttrs4;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.Workers;
import io.selkie.server.rpc.RpcLimits;
import io.selkie.server.session.SlotBudget.Pressure;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.ManualTime;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: slots follow what clients use and what memory there is (RFC 8881 sections 2.10.6.1 and
 * 20.8), and no client loses a request over it.
 *
 * <p>Method: raw sessions against a server whose reply caches may promise 100 slots in all.
 */
@Timeout(120)
class SlotsTest {

  private static final int CACHED_BYTES = 8192;

  /** How many sessions there is room for besides the slots; together less than one slot. */
  private static final int SESSIONS = 8;

  private static final ChannelAttrs4 FORE =
      new ChannelAttrs4(0, 1 << 20, 1 << 20, CACHED_BYTES, 16, 64);

  /** What SEQUENCE was answered with. */
  private record Sequenced(String status, int highest, int target) {}

  private final ManualTime time = new ManualTime();
  private final LinkedBlockingQueue<Integer> recalled = new LinkedBlockingQueue<>();
  private TestServer server;
  private Nfs41TestClient client;
  private TestSession first;

  @BeforeEach
  void open() throws IOException {
    SessionLimits rest = SessionLimits.DEFAULT;
    SessionLimits limits =
        new SessionLimits(
            Duration.ofSeconds(90),
            rest.courtesy(),
            rest.courteousMax(),
            rest.clientsMax(),
            rest.clientsPerHostMax(),
            rest.unconfirmedMax(),
            rest.unconfirmedPerHostMax(),
            rest.sessionsPerClientMax(),
            rest.connectionsPerSessionMax(),
            rest.requestBytesMax(),
            rest.responseBytesMax(),
            rest.cachedBytesMax(),
            rest.operationsMax(),
            rest.slotsMax(),
            100 * Session.bytesPerSlot(CACHED_BYTES) + SESSIONS * Session.OVERHEAD_BYTES,
            rest.callbackSlotsMax(),
            rest.callbacksPendingMax(),
            rest.callbackTimeout());
    server = new TestServer(RpcLimits.DEFAULT, limits, time, time, new Workers(2, 8), c -> 0);
    client = server.connect();
    client.onCallback(this::answer);
    first = session(client, "first");
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  private static TestSession session(Nfs41TestClient connection, String owner) {
    return session(connection, owner, FORE);
  }

  private static TestSession session(Nfs41TestClient connection, String owner, ChannelAttrs4 fore) {
    CompoundReply exchanged = connection.call(Compound.of().exchangeId(owner, 1, 0));
    assertThat(exchanged.next(NfsOp4.OP_EXCHANGE_ID)).isEqualTo("NFS4_OK");
    long clientId = exchanged.in().int64();
    return TestSession.create(
        connection,
        clientId,
        exchanged.in().int32(),
        CREATE_SESSION4_FLAG_CONN_BACK_CHAN,
        fore,
        TestSession.BACK);
  }

  private void answer(XdrReader in, XdrWriter out) {
    in.skipVariableOpaque(1024);
    in.int32();
    in.int32();
    assertThat(in.int32()).isEqualTo(2);
    assertThat(in.int32()).isEqualTo(NfsCbOp4.OP_CB_SEQUENCE);
    SessionId4 session = SessionId4.decode(in);
    int sequenceId = in.int32();
    int slotId = in.int32();
    in.int32();
    in.bool();
    in.int32();
    assertThat(in.int32()).isEqualTo(NfsCbOp4.OP_CB_RECALL_SLOT);
    recalled.add(in.int32());
    out.int32(NfsStat4.NFS4_OK);
    out.int32(0);
    out.int32(2);
    out.int32(NfsCbOp4.OP_CB_SEQUENCE);
    out.int32(NfsStat4.NFS4_OK);
    session.encode(out);
    out.int32(sequenceId);
    out.int32(slotId);
    out.int32(15);
    out.int32(15);
    out.int32(NfsCbOp4.OP_CB_RECALL_SLOT);
    out.int32(NfsStat4.NFS4_OK);
  }

  private static Sequenced sequence(TestSession session, int sequenceId, int slot, int highest) {
    CompoundReply reply =
        session
            .connection()
            .call(Compound.of().sequence(session.id(), sequenceId, slot, highest, false));
    String status = reply.next(NfsOp4.OP_SEQUENCE);
    if (!status.equals("NFS4_OK")) {
      return new Sequenced(status, -1, -1);
    }
    XdrReader in = reply.in();
    SessionId4.decode(in);
    in.int32();
    in.int32();
    return new Sequenced(status, in.int32(), in.int32());
  }

  /** A second client takes so many slots that there is pressure, and a second passes. */
  private TestSession press() throws InterruptedException {
    TestSession second = session(client, "second");
    time.pass(2, TimeUnit.SECONDS);
    return second;
  }

  private int nextRecalled() throws InterruptedException {
    Integer highest = recalled.poll(Nfs41TestClient.TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertThat(highest).as("a CB_RECALL_SLOT").isNotNull();
    return highest;
  }

  @Test
  void withoutPressureAClientHasWhatItAsksFor() {
    assertThat(first.fore().maxRequests()).isEqualTo(64);
    assertThat(sequence(first, 1, 0, 0)).isEqualTo(new Sequenced("NFS4_OK", 63, 63));
  }

  @Test
  void pressureAsksForUnusedSlotsBackByCallbackAndInEveryReply() throws Exception {
    sequence(first, 1, 5, 5);

    TestSession second = press();

    assertThat(second.fore().maxRequests()).isEqualTo(18);
    assertThat(List.of(nextRecalled(), nextRecalled())).containsExactlyInAnyOrder(5, 3);
    assertThat(sequence(first, 1, 0, 0)).isEqualTo(new Sequenced("NFS4_OK", 63, 5));
  }

  @Test
  void slotsAreTakenBackOnlyWhenTheClientHasSeenThatTheyAre() throws Exception {
    sequence(first, 1, 0, 0);
    press();

    assertThat(sequence(first, 2, 0, 0)).isEqualTo(new Sequenced("NFS4_OK", 63, 3));
    assertThat(sequence(first, 1, 40, 40)).as("sent before").isNotNull();
    assertThat(sequence(first, 3, 0, 40).highest()).as("something is outstanding").isEqualTo(63);
    assertThat(sequence(first, 4, 0, 0)).isEqualTo(new Sequenced("NFS4_OK", 3, 3));
    assertThat(sequence(first, 2, 40, 40).status()).isEqualTo("NFS4ERR_BADSLOT");
    assertThat(sequence(first, 5, 0, 40).status()).isEqualTo("NFS4ERR_BAD_HIGH_SLOT");
    assertThat(sequence(first, 5, 0, 0).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void whenThereIsRoomAgainAClientThatUsesItsSlotsGetsMoreOfThem() throws Exception {
    sequence(first, 1, 0, 0);
    sequence(first, 1, 10, 10);
    TestSession second = press();
    sequence(first, 2, 0, 0);
    assertThat(sequence(first, 3, 0, 0).highest()).isEqualTo(10);
    // That has relieved it: what the second one does not use is still wanted, but not taken.
    assertThat(sequence(first, 2, 10, 10)).isEqualTo(new Sequenced("NFS4_OK", 12, 12));
    assertThat(sequence(first, 1, 12, 12)).isEqualTo(new Sequenced("NFS4_OK", 15, 15));
    assertThat(sequence(second, 1, 0, 0).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void aSlotThatComesBackGoesOnWithItsSequenceOrAnew() throws Exception {
    sequence(first, 1, 0, 0);
    for (int slot = 4; slot <= 6; slot++) {
      sequence(first, 1, slot, slot);
      sequence(first, 2, slot, slot);
    }
    sequence(first, 1, 3, 3);
    TestSession second = press();
    // The peak was 7; a second review with nothing used leaves four.
    TestSession third = session(client, "third");
    time.pass(2, TimeUnit.SECONDS);
    sequence(first, 2, 0, 0);
    assertThat(sequence(first, 3, 0, 0).highest()).isEqualTo(3);
    client.call(Compound.of().destroySession(third.id()));
    client.call(Compound.of().destroySession(second.id()));
    assertThat(sequence(first, 2, 3, 3).highest()).isEqualTo(4);
    assertThat(sequence(first, 3, 3, 3).highest()).isEqualTo(5);
    assertThat(sequence(first, 4, 3, 3).highest()).as("not its highest any more").isEqualTo(5);

    assertThat(sequence(first, 3, 4, 4).status()).as("goes on").isEqualTo("NFS4_OK");
    assertThat(sequence(first, 1, 5, 5).status()).as("anew").isEqualTo("NFS4_OK");
    assertThat(sequence(first, 2, 5, 5).status()).isEqualTo("NFS4_OK");
    assertThat(sequence(first, 5, 4, 4).status()).isEqualTo("NFS4ERR_SEQ_MISORDERED");
  }

  @Test
  void nobodyIsRefusedBecauseOthersTookAllAtOnce() {
    int granted = 0;
    for (int i = 0; i < 7; i++) {
      granted += (int) session(client, "one of many " + i).fore().maxRequests();
    }
    assertThat(granted).as("all that was left but one, as the last got one").isEqualTo(35);
  }

  @Test
  void slotsThatKeepNoReplyAreCountedToo() {
    ChannelAttrs4 nothingCached = new ChannelAttrs4(0, 1 << 20, 1 << 20, 0, 16, 64);
    int made = 0;
    while (made < 100 && session(client, "o" + made, nothingCached).fore().maxRequests() == 64) {
      made++;
    }
    assertThat(made).as("sessions with all slots, until there is pressure").isBetween(1, 20);
  }

  @Test
  void whatIsLeftInTheEndIsForClientsWithoutASession() {
    for (int i = 0; i < 3; i++) {
      session(client, "takes all " + i);
    }
    CompoundReply exchanged = client.call(Compound.of().exchangeId("has one", 1, 0));
    assertThat(exchanged.next(NfsOp4.OP_EXCHANGE_ID)).isEqualTo("NFS4_OK");
    long clientId = exchanged.in().int64();
    int sequence = exchanged.in().int32();
    assertThat(create(clientId, sequence)).isEqualTo("NFS4_OK");
    assertThat(create(clientId, sequence + 1)).as("another one").isEqualTo("NFS4ERR_NOSPC");
    assertThat(session(client, "has none").fore().maxRequests()).isEqualTo(1);
  }

  private String create(long clientId, int sequence) {
    return client
        .call(Compound.of().createSession(clientId, sequence, 0, FORE, TestSession.BACK))
        .next(NfsOp4.OP_CREATE_SESSION);
  }

  @Test
  void sessionThatWasMadeWithOneSlotGetsWhatAllKeepWhenThereIsABitAgain() {
    session(client, "second");
    TestSession third = session(client, "third");
    TestSession fourth = session(client, "fourth");
    TestSession last = session(client, "last");
    assertThat(sequence(last, 1, 0, 0))
        .as("nothing left")
        .isEqualTo(new Sequenced("NFS4_OK", 0, 0));
    client.call(Compound.of().destroySession(third.id()));
    client.call(Compound.of().destroySession(fourth.id()));
    assertThat(sequence(last, 2, 0, 0).highest()).isEqualTo(1);
    assertThat(sequence(last, 3, 0, 0).highest()).isEqualTo(2);
    assertThat(sequence(last, 4, 0, 2).highest()).isEqualTo(3);
    assertThat(sequence(last, 5, 0, 3).highest()).as("not more").isEqualTo(3);
  }

  @Test
  void sessionsThatGoGiveBackWhatTheyPromised() throws Exception {
    for (int i = 0; i < 50; i++) {
      TestSession other = session(client, "other" + i);
      assertThat(other.fore().maxRequests()).isEqualTo(18);
      client.call(Compound.of().destroySession(other.id()));
    }
  }

  @Test
  void policyKeepsWhatIsUsedUntilThereIsNothingElse() {
    assertThat(SlotReview.wanted(Pressure.NONE, 64, 1)).isEqualTo(64);
    assertThat(SlotReview.wanted(Pressure.SOME, 64, 1)).isEqualTo(SlotReview.KEPT_MIN);
    assertThat(SlotReview.wanted(Pressure.SOME, 64, 40)).isEqualTo(40);
    assertThat(SlotReview.wanted(Pressure.SOME, 2, 40)).isEqualTo(2);
    assertThat(SlotReview.wanted(Pressure.HIGH, 64, 40)).isEqualTo(32);
    assertThat(SlotReview.wanted(Pressure.HIGH, 64, 10)).isEqualTo(10);
    assertThat(SlotReview.wanted(Pressure.HIGH, 6, 6)).isEqualTo(SlotReview.KEPT_MIN);
    assertThat(SlotReview.wanted(Pressure.HIGH, 3, 6)).isEqualTo(3);
    assertThat(SlotReview.atFirst(Pressure.NONE, 64, 1000)).isEqualTo(64);
    assertThat(SlotReview.atFirst(Pressure.NONE, 64, 60)).isEqualTo(30);
    assertThat(SlotReview.atFirst(Pressure.SOME, 64, 100)).isEqualTo(SlotReview.NEW_SESSION_MAX);
    assertThat(SlotReview.atFirst(Pressure.HIGH, 2, 9)).isEqualTo(1);
    assertThat(SlotReview.atFirst(Pressure.HIGH, 2, 1)).isEqualTo(1);
    assertThat(SlotReview.atFirst(Pressure.HIGH, 2, 0)).isZero();
  }
}
