package io.selkie.server.testing;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.server.compound.Attendant;
import io.selkie.server.compound.CompoundEngine;
import io.selkie.server.compound.ExecutionPolicy;
import io.selkie.server.compound.NfsProgram;
import io.selkie.server.compound.Operation;
import io.selkie.server.compound.OperationTable;
import io.selkie.server.compound.Places;
import io.selkie.server.compound.Workers;
import io.selkie.server.rpc.RpcLimits;
import io.selkie.server.rpc.RpcServer;
import io.selkie.server.session.ClientLifecycle;
import io.selkie.server.session.ClientMemory;
import io.selkie.server.session.SecurityQuery;
import io.selkie.server.session.ServerIdentity;
import io.selkie.server.session.SessionLimits;
import io.selkie.server.session.SessionManager;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.random.RandomGenerator;

/** A real server on a real socket: sessions, and whatever operations a test adds to them. */
public final class TestServer implements AutoCloseable {

  /** What ended, in order. */
  public record Gone(long clientId, ClientLifecycle.Cause cause) {}

  private final LinkedBlockingQueue<Gone> gone = new LinkedBlockingQueue<>();
  private final LinkedBlockingQueue<Long> leasesOver = new LinkedBlockingQueue<>();
  private final LinkedBlockingQueue<SessionId4> goneSessions = new LinkedBlockingQueue<>();
  private final SessionManager sessions;
  private final Workers workers;
  private final RpcServer rpc;
  private final InetSocketAddress address;
  private volatile CompletionStage<Void> goneStage = CompletableFuture.completedFuture(null);

  /** Starts one. */
  public TestServer(
      RpcLimits rpcLimits,
      SessionLimits sessionLimits,
      NanoClock clock,
      Timers timers,
      Workers workers,
      SecurityQuery parentCheck,
      Operation... more)
      throws IOException {
    this(rpcLimits, sessionLimits, clock, timers, workers, Places.ONE, parentCheck, more);
  }

  /** The same with places. */
  public TestServer(
      RpcLimits rpcLimits,
      SessionLimits sessionLimits,
      NanoClock clock,
      Timers timers,
      Workers workers,
      Places places,
      SecurityQuery parentCheck,
      Operation... more)
      throws IOException {
    this.workers = workers;
    this.sessions =
        new SessionManager(
            new ServerIdentity(
                0x5E1C1E, "selkie-test", "scope", "example.org", "Selkie", new NfsTime4(1, 0)),
            sessionLimits,
            clock,
            timers,
            RandomGenerator.of("L64X128MixRandom"),
            new Lifecycle(),
            ClientMemory.NONE);
    List<Operation> operations = new ArrayList<>(sessions.operations(parentCheck));
    operations.addAll(List.of(more));
    CompoundEngine engine =
        new CompoundEngine(
            OperationTable.of(operations),
            ExecutionPolicy.BY_COST,
            workers,
            (opcode, status) -> {},
            Attendant.NONE,
            places);
    this.rpc =
        new RpcServer(
            List.of(new NfsProgram(engine)),
            rpcLimits,
            2,
            clock,
            timers,
            RandomGenerator.getDefault());
    this.address = rpc.listen(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
  }

  /** Starts one with the default limits and the system's time. */
  public static TestServer start(Operation... more) throws IOException {
    return new TestServer(
        RpcLimits.DEFAULT,
        SessionLimits.DEFAULT,
        NanoClock.system(),
        new TestTimers(),
        new Workers(4, 256),
        c -> io.selkie.protocol.nfs4.NfsStat4.NFS4_OK,
        more);
  }

  private final class Lifecycle implements ClientLifecycle {
    @Override
    public CompletionStage<Void> clientGone(long clientId, Cause cause) {
      gone.add(new Gone(clientId, cause));
      return goneStage;
    }

    @Override
    public void leaseOver(long clientId) {
      leasesOver.add(clientId);
    }

    @Override
    public void sessionGone(long clientId, SessionId4 sessionId) {
      goneSessions.add(sessionId);
    }
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return address;
  }

  /** Its clients and sessions. */
  public SessionManager sessions() {
    return sessions;
  }

  /** Its workers. */
  public Workers workers() {
    return workers;
  }

  /** Its transport. */
  public RpcServer rpc() {
    return rpc;
  }

  /** The clients that went. */
  public LinkedBlockingQueue<Gone> gone() {
    return gone;
  }

  /** The clients whose lease ended while they held something. */
  public LinkedBlockingQueue<Long> leasesOver() {
    return leasesOver;
  }

  /** The sessions that went. */
  public LinkedBlockingQueue<SessionId4> goneSessions() {
    return goneSessions;
  }

  /** What the departure of the next clients will wait for. */
  public void goneStage(CompletionStage<Void> stage) {
    goneStage = stage;
  }

  /** Connects a client. */
  public Nfs41TestClient connect() throws IOException {
    return Nfs41TestClient.connect(address);
  }

  @Override
  public void close() {
    rpc.close();
    sessions.close();
    workers.close();
  }
}
