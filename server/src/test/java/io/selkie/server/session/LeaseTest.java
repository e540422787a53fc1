package io.selkie.server.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.Workers;
import io.selkie.server.rpc.RpcLimits;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.ManualTime;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestOps.Gate;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: leases end when, and only when, a client was silent for so long. Method: manual time. */
@Timeout(120)
class LeaseTest {

  private static final Duration LEASE = Duration.ofSeconds(90);

  private final ManualTime time = new ManualTime();
  private final Gate gate = new Gate();
  private TestServer server;
  private Nfs41TestClient client;

  @BeforeEach
  void open() throws IOException {
    server =
        new TestServer(
            RpcLimits.DEFAULT,
            SessionLimits.DEFAULT.withLease(LEASE),
            time,
            time,
            new Workers(2, 8),
            c -> 0,
            gate);
    client = server.connect();
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  @Test
  void silentClientIsGoneAfterItsLease() {
    TestSession session = TestSession.open(client, "silent");
    time.pass(89, TimeUnit.SECONDS);
    assertThat(server.gone()).isEmpty();
    time.pass(2, TimeUnit.SECONDS);
    assertThat(server.gone())
        .containsExactly(new TestServer.Gone(session.clientId(), ClientLifecycle.Cause.EXPIRED));
    assertThat(server.goneSessions()).containsExactly(session.id());
    assertThat(client.call(session.next(0, false)).status()).isEqualTo("NFS4ERR_BADSESSION");
    assertThat(server.sessions().clients()).isEmpty();
  }

  @Test
  void everySequenceRenewsTheLease() {
    TestSession session = TestSession.open(client, "busy");
    for (int i = 0; i < 20; i++) {
      time.pass(80, TimeUnit.SECONDS);
      assertThat(client.call(session.next(0, false)).status()).isEqualTo("NFS4_OK");
    }
    assertThat(server.gone()).isEmpty();
  }

  @Test
  void failedSequenceRenewsNothing() {
    TestSession session = TestSession.open(client, "misordered");
    time.pass(80, TimeUnit.SECONDS);
    CompoundReply reply = client.call(Compound.of().sequence(session.id(), 4711, 0, 0, false));
    assertThat(reply.status()).isEqualTo("NFS4ERR_SEQ_MISORDERED");
    time.pass(15, TimeUnit.SECONDS);
    assertThat(server.gone()).hasSize(1);
  }

  @Test
  void clientWithARunningRequestIsNotSilent() throws Exception {
    TestSession session = TestSession.open(client, "waiting");
    CompletableFuture<CompoundReply> reply = client.send(Gate.commit(session.next(0, true)));
    CompletableFuture<Integer> execution = gate.await();
    time.pass(1000, TimeUnit.SECONDS);
    assertThat(server.gone()).isEmpty();
    execution.complete(NfsStat4.NFS4_OK);
    assertThat(Nfs41TestClient.await(reply).status()).isEqualTo("NFS4_OK");
    time.pass(91, TimeUnit.SECONDS);
    assertThat(server.gone()).hasSize(1);
  }

  @Test
  void unconfirmedClientIsForgottenAfterALease() {
    client.call(Compound.of().exchangeId("unconfirmed", 1, 0));
    assertThat(server.sessions().clients()).hasSize(1);
    time.pass(91, TimeUnit.SECONDS);
    assertThat(server.sessions().clients()).isEmpty();
    assertThat(server.gone()).as("nobody has to be told").isEmpty();
  }

  @Test
  void revokedClientIsGoneAtOnce() {
    TestSession session = TestSession.open(client, "revoked");
    assertThat(server.sessions().revoke(session.clientId())).isTrue();
    assertThat(server.gone())
        .containsExactly(new TestServer.Gone(session.clientId(), ClientLifecycle.Cause.REVOKED));
    assertThat(server.sessions().revoke(session.clientId())).isFalse();
  }
}
