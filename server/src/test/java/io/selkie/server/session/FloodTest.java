package io.selkie.server.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestOps.Gate;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: whoever floods hurts himself. Method: a peer from an address of its own. */
@Timeout(120)
class FloodTest {

  private final Gate gate = new Gate();
  private TestServer server;
  private Nfs41TestClient flood;
  private Nfs41TestClient other;

  @BeforeEach
  void open() throws IOException {
    server = TestServer.start(gate);
    flood = Nfs41TestClient.connectFrom("127.0.0.2", server.address());
    other = server.connect();
  }

  @AfterEach
  void close() {
    flood.close();
    other.close();
    server.close();
  }

  private static long clientId(CompoundReply reply) {
    assertThat(reply.next(NfsOp4.OP_EXCHANGE_ID)).isEqualTo("NFS4_OK");
    return reply.in().int64();
  }

  @Test
  void unconfirmedClientsOfOneHostPushOutNobodyElses() {
    long patient = clientId(other.call(Compound.of().exchangeId("patient", 1, 0)));
    for (int i = 0; i < 2 * SessionLimits.DEFAULT.unconfirmedMax(); i++) {
      clientId(flood.call(Compound.of().exchangeId("flood " + i, 1, 0)));
    }
    assertThat(server.sessions().clients())
        .hasSize(1 + SessionLimits.DEFAULT.unconfirmedPerHostMax());
    TestSession session =
        TestSession.create(other, patient, 1, 0, TestSession.GENEROUS, TestSession.BACK);
    assertThat(session.clientId()).isEqualTo(patient);
  }

  @Test
  void sessionsOfOneClientAreBounded() {
    long id = clientId(flood.call(Compound.of().exchangeId("greedy", 1, 0)));
    String status = "NFS4_OK";
    int made = 0;
    while (status.equals("NFS4_OK")) {
      made++;
      status =
          flood
              .call(
                  Compound.of().createSession(id, made, 0, TestSession.GENEROUS, TestSession.BACK))
              .status();
    }
    assertThat(status).isEqualTo("NFS4ERR_NOSPC");
    assertThat(made - 1).isEqualTo(SessionLimits.DEFAULT.sessionsPerClientMax());
    assertThat(TestSession.open(other, "other")).isNotNull();
  }

  @Test
  void clientWithEverySlotBusyWaitsAloneAndIsServedAgain() throws Exception {
    TestSession session = TestSession.open(flood, "busy");
    int slots = (int) session.fore().maxRequests();
    List<CompletableFuture<CompoundReply>> replies = new ArrayList<>();
    List<CompletableFuture<Integer>> executions = new ArrayList<>();
    for (int slot = 1; slot < slots; slot++) {
      replies.add(flood.send(Gate.commit(session.next(slot, true))));
      executions.add(gate.await());
    }
    TestSession others = TestSession.open(other, "other");
    for (int i = 0; i < 100; i++) {
      assertThat(other.call(others.next(0, false)).status()).isEqualTo("NFS4_OK");
    }
    CompoundReply again = flood.call(Gate.commit(session.again(1, true)));
    assertThat(again.status()).as("it runs still").isEqualTo("NFS4ERR_DELAY");
    executions.forEach(execution -> execution.complete(NfsStat4.NFS4_OK));
    for (CompletableFuture<CompoundReply> reply : replies) {
      assertThat(Nfs41TestClient.await(reply).status()).isEqualTo("NFS4_OK");
    }
    assertThat(flood.call(session.next(1, false)).status()).isEqualTo("NFS4_OK");
  }
}
