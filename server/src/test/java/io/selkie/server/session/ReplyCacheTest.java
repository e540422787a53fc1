package io.selkie.server.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.ChannelAttrs4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestOps;
import io.selkie.server.testing.TestOps.Gate;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: every request is executed exactly once, whatever the client repeats (RFC 8881 section
 * 2.10.6). Method: one case after the other over a real socket, with an operation that counts.
 */
@Timeout(120)
class ReplyCacheTest {

  private final Gate gate = new Gate();
  private TestServer server;
  private Nfs41TestClient client;
  private TestSession session;

  @BeforeEach
  void open() throws IOException {
    server = TestServer.start(gate, TestOps.putRootFh(), TestOps.read());
    client = server.connect();
    session = TestSession.open(client, "reply-cache");
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  private CompoundReply commit(Compound compound) throws InterruptedException {
    CompletableFuture<CompoundReply> reply = client.send(Gate.commit(compound));
    gate.await().complete(NfsStat4.NFS4_OK);
    return Nfs41TestClient.await(reply);
  }

  private String sequence(Compound compound) {
    return client.call(compound).next(NfsOp4.OP_SEQUENCE);
  }

  @Test
  void retryOfACachedRequestGetsTheSameBytesAndIsNotExecuted() throws Exception {
    CompoundReply first = commit(session.next(0, true));
    CompoundReply second = client.call(Gate.commit(session.again(0, true)));

    assertThat(second.compoundBytes()).isEqualTo(first.compoundBytes());
    assertThat(second.status()).isEqualTo("NFS4_OK");
    assertThat(gate.executions()).isEqualTo(1);
  }

  @Test
  void retryOverAnotherConnectionGetsTheSameBytes() throws Exception {
    CompoundReply first = commit(session.next(0, true));
    client.close();
    try (Nfs41TestClient other = server.connect()) {
      CompoundReply second = other.call(Gate.commit(session.again(0, true)));
      assertThat(second.compoundBytes()).isEqualTo(first.compoundBytes());
      assertThat(gate.executions()).isEqualTo(1);
    }
  }

  @Test
  void failedRequestIsCachedLikeAnyOther() throws Exception {
    CompletableFuture<CompoundReply> reply = client.send(Gate.commit(session.next(0, true)));
    gate.await().complete(NfsStat4.NFS4ERR_NOSPC);
    CompoundReply first = Nfs41TestClient.await(reply);
    CompoundReply second = client.call(Gate.commit(session.again(0, true)));

    assertThat(first.status()).isEqualTo("NFS4ERR_NOSPC");
    assertThat(second.compoundBytes()).isEqualTo(first.compoundBytes());
  }

  @Test
  void retryOfAnUncachedRequestIsToldSoByTheSecondOperation() throws Exception {
    commit(session.next(0, false));
    CompoundReply second = client.call(Gate.commit(session.again(0, false)));

    second.sequenceOk();
    assertThat(second.next(NfsOp4.OP_COMMIT)).isEqualTo("NFS4ERR_RETRY_UNCACHED_REP");
    assertThat(second.status()).isEqualTo("NFS4ERR_RETRY_UNCACHED_REP");
    assertThat(gate.executions()).isEqualTo(1);
  }

  @Test
  void uncachedRetryOfAnIllegalOperationIsStillIllegal() {
    client.call(session.next(0, false).op(3000));
    CompoundReply second = client.call(session.again(0, false).op(3000));
    second.sequenceOk();
    assertThat(second.next(NfsOp4.OP_ILLEGAL)).isEqualTo("NFS4ERR_OP_ILLEGAL");
  }

  @Test
  void sequenceAloneIsAlwaysRepeatable() {
    assertThat(sequence(session.next(0, false))).isEqualTo("NFS4_OK");
    assertThat(client.call(session.again(0, false)).status()).isEqualTo("NFS4_OK");
    assertThat(sequence(session.next(0, false))).isEqualTo("NFS4_OK");
  }

  @Test
  void retryOfARunningRequestIsDelayedAndLeavesTheSlotAlone() throws Exception {
    CompletableFuture<CompoundReply> running = client.send(Gate.commit(session.next(0, true)));
    CompletableFuture<Integer> execution = gate.await();

    assertThat(sequence(Gate.commit(session.again(0, true)))).isEqualTo("NFS4ERR_DELAY");
    execution.complete(NfsStat4.NFS4_OK);
    assertThat(Nfs41TestClient.await(running).status()).isEqualTo("NFS4_OK");
    assertThat(client.call(Gate.commit(session.again(0, true))).status()).isEqualTo("NFS4_OK");
    assertThat(gate.executions()).isEqualTo(1);
  }

  @Test
  void otherRequestInPlaceOfTheLastIsAFalseRetry() throws Exception {
    commit(session.next(0, true));
    assertThat(sequence(session.again(0, true).op(NfsOp4.OP_PUTROOTFH)))
        .isEqualTo("NFS4ERR_SEQ_FALSE_RETRY");
  }

  @Test
  void sameRequestByAnotherUserIsAFalseRetry() throws Exception {
    commit(session.next(0, true));
    client.as(4711);
    assertThat(sequence(Gate.commit(session.again(0, true)))).isEqualTo("NFS4ERR_SEQ_FALSE_RETRY");
  }

  @Test
  void falseRetryOfARunningRequestIsNotHiddenByIt() throws Exception {
    CompletableFuture<CompoundReply> running = client.send(Gate.commit(session.next(0, true)));
    CompletableFuture<Integer> execution = gate.await();
    assertThat(sequence(session.again(0, true).op(NfsOp4.OP_PUTROOTFH)))
        .isEqualTo("NFS4ERR_SEQ_FALSE_RETRY");
    execution.complete(NfsStat4.NFS4_OK);
    Nfs41TestClient.await(running);
  }

  @Test
  void sequenceIdsThatAreNotNextAreMisordered() {
    SessionId4 id = session.id();
    int last = session.lastSequenceId(0);
    for (int wrong : new int[] {last + 2, last - 1, last + 1000, last ^ 0x8000_0000, 0}) {
      assertThat(sequence(Compound.of().sequence(id, wrong, 0, 0, false)))
          .as("sequence id %d after %d", wrong, last)
          .isEqualTo("NFS4ERR_SEQ_MISORDERED");
    }
    assertThat(sequence(session.next(0, false))).isEqualTo("NFS4_OK");
  }

  @Test
  void nextRequestOnASlotThatIsStillBusyIsMisordered() throws Exception {
    CompletableFuture<CompoundReply> running = client.send(Gate.commit(session.next(0, true)));
    CompletableFuture<Integer> execution = gate.await();
    int next = session.lastSequenceId(0) + 1;
    assertThat(sequence(Compound.of().sequence(session.id(), next, 0, 0, true)))
        .isEqualTo("NFS4ERR_SEQ_MISORDERED");
    execution.complete(NfsStat4.NFS4_OK);
    Nfs41TestClient.await(running);
  }

  @Test
  void firstRequestOnASlotMustHaveSequenceIdOne() {
    assertThat(sequence(Compound.of().sequence(session.id(), 0, 3, 3, false)))
        .isEqualTo("NFS4ERR_SEQ_MISORDERED");
    assertThat(sequence(Compound.of().sequence(session.id(), 2, 3, 3, false)))
        .isEqualTo("NFS4ERR_SEQ_MISORDERED");
    assertThat(sequence(session.next(3, false))).isEqualTo("NFS4_OK");
  }

  @Test
  void slotsBeyondTheTableAreRefused() {
    int slots = (int) session.fore().maxRequests();
    SessionId4 id = session.id();
    assertThat(sequence(Compound.of().sequence(id, 1, slots, slots, false)))
        .isEqualTo("NFS4ERR_BADSLOT");
    assertThat(sequence(Compound.of().sequence(id, 1, -1, 0, false))).isEqualTo("NFS4ERR_BADSLOT");
    assertThat(sequence(Compound.of().sequence(id, 1, 5, slots, false)))
        .isEqualTo("NFS4ERR_BAD_HIGH_SLOT");
    CompoundReply reply = client.call(session.next(slots - 1, false));
    reply.next(NfsOp4.OP_SEQUENCE);
    reply.in().skip(SessionId4.BYTES + 8);
    assertThat(reply.in().int32()).as("sr_highest_slotid").isEqualTo(slots - 1);
    assertThat(reply.in().int32()).as("sr_target_highest_slotid").isEqualTo(slots - 1);
  }

  @Test
  void unknownSessionIsRefused() {
    assertThat(sequence(Compound.of().sequence(new SessionId4(1, 2), 1, 0, 0, false)))
        .isEqualTo("NFS4ERR_BADSESSION");
  }

  @Test
  void moreOperationsThanNegotiatedAreRefusedBySequence() {
    int max = (int) session.fore().maxOperations();
    Compound compound = session.next(0, false);
    for (int i = 0; i < max; i++) {
      compound.op(NfsOp4.OP_PUTROOTFH);
    }
    CompoundReply reply = client.call(compound);
    assertThat(reply.next(NfsOp4.OP_SEQUENCE)).isEqualTo("NFS4ERR_TOO_MANY_OPS");
    assertThat(reply.count()).isEqualTo(1);
    Compound fits = session.again(0, false);
    for (int i = 0; i < max - 1; i++) {
      fits.op(NfsOp4.OP_PUTROOTFH);
    }
    assertThat(client.call(fits).status()).as("and the slot is unchanged").isEqualTo("NFS4_OK");
  }

  @Test
  void requestLargerThanNegotiatedIsRefusedBySequence() {
    TestSession small = session(new ChannelAttrs4(0, 512, 4096, 1024, 8, 4));
    assertThat(sequence(small.next(0, false).tag(new byte[600]))).isEqualTo("NFS4ERR_REQ_TOO_BIG");
    assertThat(sequence(small.again(0, false))).isEqualTo("NFS4_OK");
  }

  @Test
  void replyLargerThanNegotiatedIsRefusedByTheOperation() {
    TestSession small = session(new ChannelAttrs4(0, 4096, 1024, 1024, 8, 4));
    CompoundReply reply = client.call(TestOps.read(small.next(0, false), 2000));
    reply.sequenceOk();
    assertThat(reply.next(NfsOp4.OP_READ)).isEqualTo("NFS4ERR_REP_TOO_BIG");
    reply = client.call(TestOps.read(small.next(0, false), 800));
    assertThat(reply.status()).isEqualTo("NFS4_OK");
    assertThat(reply.recordBytes()).isLessThanOrEqualTo(1024);
  }

  @Test
  void replyTooBigToCacheIsRefusedAndTheRefusalIsCached() {
    TestSession small = session(new ChannelAttrs4(0, 4096, 8192, 256, 8, 4));
    CompoundReply first = client.call(TestOps.read(small.next(0, true), 2000));
    first.sequenceOk();
    assertThat(first.next(NfsOp4.OP_READ)).isEqualTo("NFS4ERR_REP_TOO_BIG_TO_CACHE");
    CompoundReply second = client.call(TestOps.read(small.again(0, true), 2000));
    assertThat(second.compoundBytes()).isEqualTo(first.compoundBytes());
    assertThat(client.call(TestOps.read(small.next(0, false), 2000)).status())
        .as("without caching it fits")
        .isEqualTo("NFS4_OK");
  }

  @Test
  void channelThatCanCacheNothingRefusesAtSequence() {
    TestSession none = session(new ChannelAttrs4(0, 4096, 8192, 0, 8, 4));
    assertThat(sequence(none.next(0, true))).isEqualTo("NFS4ERR_REP_TOO_BIG_TO_CACHE");
    assertThat(sequence(none.again(0, false))).isEqualTo("NFS4_OK");
  }

  @Test
  void slotsRunSideBySideOnSeveralConnections() throws Exception {
    int slots = 8;
    try (Nfs41TestClient second = server.connect()) {
      CompletableFuture<?>[] replies = new CompletableFuture<?>[slots];
      for (int slot = 0; slot < slots; slot++) {
        Nfs41TestClient connection = slot % 2 == 0 ? client : second;
        replies[slot] = connection.send(Gate.commit(session.next(slot, true)));
      }
      for (int slot = 0; slot < slots; slot++) {
        gate.await().complete(NfsStat4.NFS4_OK);
      }
      for (CompletableFuture<?> reply : replies) {
        assertThat(((CompoundReply) Nfs41TestClient.await(reply)).status()).isEqualTo("NFS4_OK");
      }
      assertThat(gate.executions()).isEqualTo(slots);
    }
  }

  private TestSession session(ChannelAttrs4 fore) {
    CompoundReply exchanged = client.call(Compound.of().exchangeId("other " + fore, 9, 0));
    exchanged.next(NfsOp4.OP_EXCHANGE_ID);
    long clientId = exchanged.in().int64();
    return TestSession.create(client, clientId, exchanged.in().int32(), 0, fore, TestSession.BACK);
  }
}
