package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.DelegationArbiter;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Workers;
import io.selkie.server.rpc.RpcLimits;
import io.selkie.server.session.SessionLimits;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestOps;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import io.selkie.server.testing.TestTimers;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: who waits for a delegation holds no thread, does its work once more, and not for ever. */
@Timeout(120)
class PatientTest {

  private static final FileIdentity FILE = new FileIdentity(1, 2, 3);

  private final LinkedBlockingQueue<CompletableFuture<Boolean>> waits = new LinkedBlockingQueue<>();
  private final AtomicInteger executions = new AtomicInteger();
  private final Semaphore places = new Semaphore(2);
  private volatile boolean inTheWay = true;
  private TestServer server;
  private final List<Nfs41TestClient> clients = new ArrayList<>();

  @BeforeEach
  void start() throws IOException {
    DelegationArbiter delegations =
        (DelegationArbiter)
            Proxy.newProxyInstance(
                DelegationArbiter.class.getClassLoader(),
                new Class<?>[] {DelegationArbiter.class},
                (proxy, method, arguments) -> {
                  assertThat(method.getName()).isEqualTo("recallsOver");
                  assertThat(arguments).containsExactly(FILE, Patient.PATIENCE_NANOS);
                  CompletableFuture<Boolean> wait = new CompletableFuture<>();
                  waits.add(wait);
                  return wait;
                });
    server =
        new TestServer(
            RpcLimits.DEFAULT,
            SessionLimits.DEFAULT,
            NanoClock.system(),
            new TestTimers(),
            new Workers(1, 64),
            c -> 0,
            TestOps.blocking(NfsOp4.OP_ACCESS, c -> NfsStat4.NFS4_OK),
            new Patient(TestOps.blocking(NfsOp4.OP_READLINK, this::execute), delegations, places));
  }

  @AfterEach
  void stop() {
    clients.forEach(Nfs41TestClient::close);
    server.close();
  }

  /** Answers its argument, unless something is in the way; writes half a result in any case. */
  private int execute(CompoundContext c) {
    executions.incrementAndGet();
    long argument = c.args().int64();
    c.reply().int64(argument);
    if (inTheWay) {
      c.errorBody().int32(77);
      c.obstacles().add(FILE);
      return NfsStat4.NFS4ERR_DELAY;
    }
    return NfsStat4.NFS4_OK;
  }

  private TestSession session(String owner) throws IOException {
    Nfs41TestClient client = server.connect();
    clients.add(client);
    return TestSession.open(client, owner);
  }

  private static CompletableFuture<CompoundReply> send(TestSession session, long argument) {
    return CompletableFuture.supplyAsync(
        () -> session.call(c -> c.op(NfsOp4.OP_READLINK, o -> o.int64(argument))),
        task -> Thread.ofPlatform().daemon().start(task));
  }

  private CompletableFuture<Boolean> nextWait() throws InterruptedException {
    CompletableFuture<Boolean> wait = waits.poll(60, TimeUnit.SECONDS);
    assertThat(wait).as("nobody waits").isNotNull();
    return wait;
  }

  private static void assertAnswered(CompletableFuture<CompoundReply> answer, long argument)
      throws Exception {
    CompoundReply reply = answer.get(60, TimeUnit.SECONDS);
    assertThat(reply.next(NfsOp4.OP_READLINK)).isEqualTo("NFS4_OK");
    assertThat(reply.in().int64()).isEqualTo(argument);
    assertThat(reply.in().remaining()).as("nothing of the first try").isZero();
  }

  private static void assertDelayed(CompletableFuture<CompoundReply> answer) throws Exception {
    CompoundReply reply = answer.get(60, TimeUnit.SECONDS);
    assertThat(reply.next(NfsOp4.OP_READLINK)).isEqualTo("NFS4ERR_DELAY");
    assertThat(reply.in().int32()).as("the body that goes with the error").isEqualTo(77);
  }

  @Test
  void theOnlyWorkerIsFreeForOthersWhileOneWaits() throws Exception {
    CompletableFuture<CompoundReply> answer = send(session("patient"), 4711);
    CompletableFuture<Boolean> wait = nextWait();
    CompoundReply other = session("other").call(c -> c.op(NfsOp4.OP_ACCESS, o -> {}));
    assertThat(other.next(NfsOp4.OP_ACCESS)).isEqualTo("NFS4_OK");
    assertThat(answer).isNotDone();

    inTheWay = false;
    wait.complete(true);

    assertAnswered(answer, 4711);
    assertThat(executions).hasValue(2);
    assertThat(places.availablePermits()).isEqualTo(2);
  }

  @Test
  void whoWaitsInVainIsDelayedWithoutAnotherTry() throws Exception {
    CompletableFuture<CompoundReply> answer = send(session("patient"), 1);
    nextWait().complete(false);
    assertDelayed(answer);
    assertThat(executions).hasValue(1);
    assertThat(places.availablePermits()).isEqualTo(2);
  }

  @Test
  void nobodyWaitsTwice() throws Exception {
    CompletableFuture<CompoundReply> answer = send(session("patient"), 1);
    nextWait().complete(true);
    assertDelayed(answer);
    assertThat(executions).hasValue(2);
    assertThat(waits).isEmpty();
  }

  @Test
  void soManyWaitAndNoMore() throws Exception {
    CompletableFuture<CompoundReply> first = send(session("one"), 1);
    CompletableFuture<Boolean> firstWait = nextWait();
    CompletableFuture<CompoundReply> second = send(session("two"), 2);
    CompletableFuture<Boolean> secondWait = nextWait();
    assertDelayed(send(session("three"), 3));
    assertThat(waits).isEmpty();

    inTheWay = false;
    firstWait.complete(true);
    secondWait.complete(true);
    assertAnswered(first, 1);
    assertAnswered(second, 2);
    assertThat(places.availablePermits()).isEqualTo(2);
  }
}
