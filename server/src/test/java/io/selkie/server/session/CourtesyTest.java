package io.selkie.server.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.server.compound.Workers;
import io.selkie.server.rpc.RpcLimits;
import io.selkie.server.session.ClientLifecycle.Cause;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.ManualTime;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestServer.Gone;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: whose lease is over keeps its state until somebody minds. Method: manual time. */
@Timeout(120)
class CourtesyTest {

  private final ManualTime time = new ManualTime();
  private final Set<Long> holders = ConcurrentHashMap.newKeySet();
  private TestServer server;
  private Nfs41TestClient client;

  /** Somebody of whom clients hold something. */
  private final class Holder implements StateOwners {
    @Override
    public int testStateid(long clientId, Stateid4 stateid) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }

    @Override
    public int freeStateid(long clientId, Stateid4 stateid) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }

    @Override
    public boolean holdsState(long clientId) {
      return holders.contains(clientId);
    }

    @Override
    public int statusFlags(long clientId) {
      return 0;
    }
  }

  @BeforeEach
  void open() throws IOException {
    SessionLimits d = SessionLimits.DEFAULT;
    SessionLimits limits =
        new SessionLimits(
            Duration.ofSeconds(90),
            Duration.ofHours(1),
            2,
            4,
            4,
            d.unconfirmedMax(),
            8,
            d.sessionsPerClientMax(),
            d.connectionsPerSessionMax(),
            d.requestBytesMax(),
            d.responseBytesMax(),
            d.cachedBytesMax(),
            d.operationsMax(),
            d.slotsMax(),
            d.replyCacheBytesMax(),
            d.callbackSlotsMax(),
            d.callbacksPendingMax(),
            d.callbackTimeout());
    server = new TestServer(RpcLimits.DEFAULT, limits, time, time, new Workers(2, 8), c -> 0);
    server.sessions().register(new Holder());
    client = server.connect();
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  private TestSession holder(String name) {
    TestSession session = TestSession.open(client, name);
    holders.add(session.clientId());
    return session;
  }

  private String sequence(TestSession session) {
    return client.call(session.next(0, false)).status();
  }

  @Test
  void clientThatHoldsSomethingComesBackLongAfterItsLease() {
    TestSession session = holder("back");
    time.pass(30, TimeUnit.MINUTES);
    assertThat(server.sessions().courteousCount()).isEqualTo(1);
    assertThat(server.leasesOver()).containsExactly(session.clientId());
    assertThat(server.gone()).isEmpty();
    assertThat(sequence(session)).isEqualTo("NFS4_OK");
    assertThat(server.sessions().courteousCount()).isZero();
    time.pass(89, TimeUnit.SECONDS);
    assertThat(server.sessions().courteousCount()).as("its lease is a whole one").isZero();
    time.pass(2, TimeUnit.SECONDS);
    assertThat(server.sessions().courteousCount()).isEqualTo(1);
  }

  @Test
  void courtesyEnds() {
    TestSession session = holder("never back");
    time.pass(62, TimeUnit.MINUTES);
    assertThat(server.gone()).containsExactly(new Gone(session.clientId(), Cause.EXPIRED));
    assertThat(server.goneSessions()).containsExactly(session.id());
    assertThat(server.sessions().clients()).isEmpty();
  }

  @Test
  void whoIsInTheWayGoesAndOthersStay() {
    TestSession one = holder("one");
    TestSession two = holder("two");
    time.pass(2, TimeUnit.MINUTES);
    assertThat(server.sessions().giveWay(id -> false)).isFalse();
    assertThat(server.sessions().giveWay(id -> id == one.clientId())).isTrue();
    assertThat(server.gone()).containsExactly(new Gone(one.clientId(), Cause.EXPIRED));
    assertThat(sequence(one)).isEqualTo("NFS4ERR_BADSESSION");
    assertThat(sequence(two)).isEqualTo("NFS4_OK");
  }

  @Test
  void whoHasALeaseIsNeverInTheWay() {
    holder("alive");
    time.pass(80, TimeUnit.SECONDS);
    assertThat(server.sessions().giveWay(id -> true)).isFalse();
    assertThat(server.sessions().makeRoom()).isFalse();
    assertThat(server.gone()).isEmpty();
  }

  @Test
  void oldestGoesWhenThereAreTooMany() {
    TestSession first = holder("first");
    time.pass(1, TimeUnit.SECONDS);
    TestSession second = holder("second");
    time.pass(1, TimeUnit.SECONDS);
    holder("third");
    time.pass(2, TimeUnit.MINUTES);
    assertThat(server.gone()).containsExactly(new Gone(first.clientId(), Cause.EXPIRED));
    assertThat(server.sessions().makeRoom()).isTrue();
    assertThat(server.gone()).contains(new Gone(second.clientId(), Cause.EXPIRED));
  }

  @Test
  void newClientTakesThePlaceOfOneWhoseLeaseIsOver() {
    TestSession old = holder("old");
    time.pass(2, TimeUnit.MINUTES);
    for (int i = 0; i < 3; i++) {
      TestSession.open(client, "new " + i);
    }
    assertThat(server.gone()).isEmpty();
    TestSession.open(client, "one more");
    assertThat(server.gone()).containsExactly(new Gone(old.clientId(), Cause.EXPIRED));
    assertThat(client.call(Compound.of().exchangeId("too many", 1, 0)).status())
        .isEqualTo("NFS4ERR_DELAY");
  }

  @Test
  void unconfirmedClientsDoNotSlipPastTheBound() {
    long[] ids = new long[6];
    for (int i = 0; i < ids.length; i++) {
      var reply = client.call(Compound.of().exchangeId("client " + i, 1, 0));
      reply.next(io.selkie.protocol.nfs4.NfsOp4.OP_EXCHANGE_ID);
      ids[i] = reply.in().int64();
    }
    int confirmed = 0;
    for (long id : ids) {
      var reply =
          client.call(
              Compound.of().createSession(id, 1, 0, TestSession.GENEROUS, TestSession.BACK));
      confirmed += reply.status().equals("NFS4_OK") ? 1 : 0;
      assertThat(reply.status()).isIn("NFS4_OK", "NFS4ERR_DELAY");
    }
    assertThat(confirmed).isEqualTo(4);
  }

  @Test
  void strangerMayTakeTheNameOfAClientWhoseLeaseIsOver() {
    TestSession session = holder("name");
    client.as(4711);
    assertThat(client.call(Compound.of().exchangeId("name", 1, 0)).status())
        .isEqualTo("NFS4ERR_CLID_INUSE");
    time.pass(2, TimeUnit.MINUTES);
    assertThat(client.call(Compound.of().exchangeId("name", 1, 0)).status()).isEqualTo("NFS4_OK");
    assertThat(server.gone()).containsExactly(new Gone(session.clientId(), Cause.REPLACED));
  }
}
