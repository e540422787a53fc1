package io.selkie.server.session;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.layout.CallbackChannel;
import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.layout.CallbackChannel.RecallReply;
import io.selkie.layout.DelegationCallbacks;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.Operation;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.LongPredicate;
import java.util.random.RandomGenerator;

/**
 * The clients of this server and their sessions: everything the rest of the server needs to know of
 * them. Safe for use by several threads.
 */
public final class SessionManager implements AutoCloseable {

  private final ServerIdentity identity;
  private final SessionLimits limits;
  private final Timers timers;
  private final RandomGenerator random;
  private final StateRegistry owners = new StateRegistry();
  private final Connections connections = new Connections();
  private final ClientMemory memory;
  private final ClientTable clients;

  /**
   * Creates a manager without clients.
   *
   * @param random should be hard to predict: session IDs are made with it
   * @param memory remembers clients over a restart
   */
  public SessionManager(
      ServerIdentity identity,
      SessionLimits limits,
      NanoClock clock,
      Timers timers,
      RandomGenerator random,
      ClientLifecycle lifecycle,
      ClientMemory memory) {
    this.identity = identity;
    this.limits = limits;
    this.timers = timers;
    this.random = random;
    this.memory = memory;
    this.clients =
        new ClientTable(
            identity.bootEpoch(), limits, clock, timers, owners, lifecycle, memory, connections);
  }

  /** Adds somebody who hands out stateids. To be called before the first request. */
  public void register(StateOwners owner) {
    owners.add(owner);
  }

  /**
   * Returns the operations on clients and sessions, for the operation table.
   *
   * @param parentCheck for SECINFO_NO_NAME: answers what LOOKUPP would on the current filehandle,
   *     without doing it
   */
  public List<Operation> operations(SecurityQuery parentCheck) {
    return List.of(
        new OpExchangeId(clients, identity),
        new OpCreateSession(clients, connections, limits, timers, this::randomBits),
        new OpSequence(clients, connections, owners),
        new SessionOps.BindConnToSession(clients, connections),
        new SessionOps.BackchannelCtl(clients),
        new SessionOps.DestroySession(clients),
        new SessionOps.DestroyClientid(clients),
        new SessionOps.ReclaimComplete(clients, memory),
        new SessionOps.FreeStateid(owners),
        new SessionOps.TestStateid(owners),
        new SessionOps.SecinfoNoName(parentCheck));
  }

  private long randomBits() {
    synchronized (random) {
      return random.nextLong();
    }
  }

  /** Returns the way to call clients back. */
  public CallbackChannel callbackChannel() {
    return new ClientCallbacks(clients);
  }

  /** Returns the way to call those back who hold delegations. */
  public DelegationCallbacks delegationCallbacks() {
    return new DelegationChannel(new ClientCallbacks(clients));
  }

  /**
   * Sends a callback operation to a client, on a session of its whose back channel works. Returns
   * at once; never call it with a lock held.
   *
   * @param opcode from {@link io.selkie.protocol.nfs4.NfsCbOp4}
   * @param arguments writes the operation's arguments, without its number; may be asked again when
   *     the request has to be sent again
   * @param reply told exactly once, on a thread that must not be blocked; the status is that of the
   *     operation
   */
  public void callBack(
      long clientId, int opcode, Consumer<XdrWriter> arguments, RecallReply reply) {
    callBack(clientId, opcode, List.of(), arguments, reply);
  }

  /**
   * The same for what follows from requests whose replies it must not overtake (RFC 8881 section
   * 2.10.6.3).
   */
  public void callBack(
      long clientId,
      int opcode,
      List<CallReference> referringCalls,
      Consumer<XdrWriter> arguments,
      RecallReply reply) {
    new ClientCallbacks(clients).call(clientId, opcode, referringCalls, arguments, reply);
  }

  /** The client that a session belongs to, if there is such a session: for binding queue pairs. */
  public OptionalLong clientOf(SessionId4 sessionId) {
    Session session = clients.session(sessionId);
    return session == null ? OptionalLong.empty() : OptionalLong.of(session.client().clientId());
  }

  /** Whether the client has said RECLAIM_COMPLETE for all file systems. */
  public boolean isReclaimComplete(long clientId) {
    ClientRecord client = clients.confirmed(clientId);
    return client != null && client.isReclaimComplete();
  }

  /** Whether the client holds any state: opens, locks, delegations, layouts. */
  public boolean holdsState(long clientId) {
    return owners.holdsState(clientId);
  }

  /** The lease that clients hold, for the attribute lease_time. */
  public Duration lease() {
    return limits.lease();
  }

  /** Drops a client and everything it holds, as if its lease had ended; false if there is none. */
  public boolean revoke(long clientId) {
    return clients.revoke(clientId);
  }

  /**
   * Ends the clients whose lease is over and that are in somebody's way.
   *
   * @param inTheWay of a client's id; asked on this thread, without a lock
   * @return whether there were any; what they hold is about to go
   */
  public boolean giveWay(LongPredicate inTheWay) {
    return clients.giveWay(inTheWay);
  }

  /** Ends the client whose lease is over longest; returns whether there was one. */
  public boolean makeRoom() {
    return clients.makeRoom();
  }

  /** How many clients' leases are over while they still hold something. */
  public int courteousCount() {
    return clients.courteousCount();
  }

  /** All clients now known. */
  public List<ClientInfo> clients() {
    return clients.all().stream().map(SessionManager::info).toList();
  }

  private static ClientInfo info(ClientRecord record) {
    return new ClientInfo(
        record.clientId(),
        record.implementation() == null ? "" : record.implementation(),
        record.isConfirmed(),
        record.sessions().stream().map(Session::id).toList(),
        record.hasBackChannel(),
        Duration.ofNanos(record.silentNanos()));
  }

  /** Clients and sessions in all detail, for administrators. */
  public SessionSurvey survey() {
    return new SessionSurvey(clients, limits.lease());
  }

  /** How many sessions there are. */
  public int sessionCount() {
    return clients.sessionCount();
  }

  /** Stops the leases' clocks. Requests that still come are served, but nobody expires. */
  @Override
  public void close() {
    clients.close();
  }

  /**
   * A client as administrators see it.
   *
   * @param implementation what it calls itself, empty if it does not say
   * @param silent how long it has not renewed its lease
   */
  public record ClientInfo(
      long clientId,
      String implementation,
      boolean confirmed,
      List<SessionId4> sessions,
      boolean hasBackChannel,
      Duration silent) {}
}
