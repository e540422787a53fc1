package io.selkie.server.session;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.server.compound.Principal;
import io.selkie.server.session.ClientLifecycle.Cause;
import io.selkie.server.session.ClientRecord.State;
import io.selkie.server.session.SlotBudget.Pressure;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongPredicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All client records and sessions, and what EXCHANGE_ID, CREATE_SESSION and the end of a lease do
 * to them. One lock guards identity; it is never held while anybody else is called, except {@link
 * StateOwners} to ask whether a client holds something. Looking up a session takes no lock.
 */
final class ClientTable {

  private static final Logger LOG = LoggerFactory.getLogger(ClientTable.class);

  /**
   * What came of EXCHANGE_ID.
   *
   * @param confirmed whether the record was confirmed before
   * @param role EXCHGID4_FLAG_USE_*: what we are to the client
   */
  record Exchanged(int status, long clientId, int sequenceId, boolean confirmed, int role) {
    static Exchanged refused(int status) {
      return new Exchanged(status, 0, 0, false, 0);
    }
  }

  /** What came of CREATE_SESSION, and which clients went because of it. */
  record Created(int status, CreateSessionResult result, Session session, Departures departures) {}

  private final int bootEpoch;
  private final SessionLimits limits;
  private final NanoClock clock;
  private final Timers timers;
  private final StateRegistry owners;
  private final ClientLifecycle lifecycle;
  private final ClientMemory memory;
  private final Connections connections;

  private final Map<ByteBuffer, ClientRecord> confirmedByOwner = new HashMap<>();
  private final Map<ByteBuffer, ClientRecord> unconfirmedByOwner = new LinkedHashMap<>();
  private final Map<Long, ClientRecord> byId = new ConcurrentHashMap<>();
  private final Map<SessionId4, Session> sessions = new ConcurrentHashMap<>();
  private final CourteousClients courteous = new CourteousClients();
  private final HostCounts confirmedOf = new HostCounts();
  private final HostCounts unconfirmedOf = new HostCounts();
  private int lastClientNumber;
  private final SlotBudget budget;
  private final SlotReview review;
  private boolean closed;

  ClientTable(
      int bootEpoch,
      SessionLimits limits,
      NanoClock clock,
      Timers timers,
      StateRegistry owners,
      ClientLifecycle lifecycle,
      ClientMemory memory,
      Connections connections) {
    this.bootEpoch = bootEpoch;
    this.limits = limits;
    this.budget = new SlotBudget(limits.replyCacheBytesMax());
    this.review = new SlotReview(budget, sessions.values(), timers);
    this.clock = clock;
    this.timers = timers;
    this.owners = owners;
    this.lifecycle = lifecycle;
    this.memory = memory;
    this.connections = connections;
  }

  /** The session, or null: NFS4ERR_BADSESSION. */
  Session session(SessionId4 id) {
    return sessions.get(id);
  }

  /** The client if there is one and it is confirmed, else null. */
  synchronized ClientRecord confirmed(long clientId) {
    ClientRecord record = byId.get(clientId);
    return record != null && record.isConfirmed() ? record : null;
  }

  /** All sessions; no lock. */
  Collection<Session> allSessions() {
    return sessions.values();
  }

  /** All records, confirmed or not. */
  List<ClientRecord> all() {
    return List.copyOf(byId.values());
  }

  /**
   * EXCHANGE_ID; the numbers are those of the cases in RFC 8881 section 18.35.4.
   *
   * @param update whether EXCHGID4_FLAG_UPD_CONFIRMED_REC_A is set
   * @param host where it comes from
   */
  Exchanged exchangeId(
      ByteBuffer owner,
      long verifier,
      Principal principal,
      boolean update,
      String impl,
      Object host,
      int role) {
    Departures departures = new Departures(lifecycle);
    Exchanged exchanged;
    synchronized (this) {
      ClientRecord confirmed = confirmedByOwner.get(owner);
      exchanged =
          update
              ? update(confirmed, verifier, principal, impl)
              : register(owner, confirmed, verifier, principal, impl, host, role, departures);
    }
    departures.run();
    return exchanged;
  }

  private static Exchanged update(
      ClientRecord confirmed, long verifier, Principal principal, String impl) {
    if (confirmed == null) {
      return Exchanged.refused(NfsStat4.NFS4ERR_NOENT); // 7
    }
    if (confirmed.verifier() != verifier) {
      return Exchanged.refused(NfsStat4.NFS4ERR_NOT_SAME); // 8
    }
    if (!confirmed.principal().equals(principal)) {
      return Exchanged.refused(NfsStat4.NFS4ERR_PERM); // 9
    }
    confirmed.implementation(impl);
    return found(confirmed); // 6
  }

  private Exchanged register(
      ByteBuffer owner,
      ClientRecord confirmed,
      long verifier,
      Principal principal,
      String impl,
      Object host,
      int role,
      Departures departures) {
    if (confirmed != null && confirmed.principal().equals(principal)) {
      if (confirmed.verifier() == verifier) {
        return found(confirmed); // 2
      }
      // 5: the record of the earlier incarnation stays until the new one is confirmed.
    } else if (confirmed != null) {
      if (hasState(confirmed) && confirmed.state() != State.COURTEOUS) {
        return Exchanged.refused(NfsStat4.NFS4ERR_CLID_INUSE); // 3, the name is taken
      }
      remove(confirmed, Cause.REPLACED, departures); // 3, the name is free
    } else if (!hasRoomFor(host, departures)) {
      return Exchanged.refused(NfsStat4.NFS4ERR_DELAY);
    }
    ClientRecord unconfirmed = unconfirmedByOwner.get(owner);
    if (unconfirmed != null) {
      remove(unconfirmed, Cause.REPLACED, departures); // 4
    }
    return add(owner, verifier, principal, impl, host, role, departures); // 1, 3, 4, 5
  }

  private static Exchanged found(ClientRecord record) {
    return new Exchanged(
        NfsStat4.NFS4_OK, record.clientId(), record.createSequence() + 1, true, record.role());
  }

  /** Whether there may be one more client of a host; one whose lease is over makes room for it. */
  private boolean hasRoomFor(Object host, Departures departures) {
    ClientRecord goes = null;
    if (confirmedOf.of(host) >= limits.clientsPerHostMax()) {
      goes = courteous.oldest(record -> record.host().equals(host));
    } else if (confirmedByOwner.size() >= limits.clientsMax()) {
      goes = courteous.oldest(any -> true);
    } else {
      return true;
    }
    if (goes != null) {
      remove(goes, Cause.EXPIRED, departures);
    }
    return goes != null;
  }

  private Exchanged add(
      ByteBuffer owner,
      long verifier,
      Principal principal,
      String impl,
      Object host,
      int role,
      Departures departures) {
    // A host that floods pushes out its own records first.
    if (unconfirmedOf.of(host) >= limits.unconfirmedPerHostMax()
        || unconfirmedByOwner.size() >= limits.unconfirmedMax()) {
      boolean own = unconfirmedOf.of(host) > 0;
      for (ClientRecord oldest : unconfirmedByOwner.values()) {
        if (!own || oldest.host().equals(host)) {
          remove(oldest, Cause.EXPIRED, departures);
          break;
        }
      }
    }
    long clientId = (long) bootEpoch << 32 | (++lastClientNumber & 0xFFFF_FFFFL);
    ClientRecord record = new ClientRecord(clientId, owner, verifier, principal, host, role, clock);
    record.implementation(impl);
    unconfirmedByOwner.put(owner, record);
    unconfirmedOf.add(host);
    byId.put(clientId, record);
    armLease(record, limits.lease().toNanos());
    return new Exchanged(NfsStat4.NFS4_OK, clientId, record.createSequence() + 1, false, role);
  }

  private boolean hasState(ClientRecord record) {
    return !record.sessions().isEmpty() || owners.holdsState(record.clientId());
  }

  /**
   * CREATE_SESSION, RFC 8881 section 18.36.4.
   *
   * @param build makes the session, if it comes to that
   */
  Created createSession(long clientId, int sequence, Principal principal, SessionBuilder build) {
    Departures departures = new Departures(lifecycle);
    synchronized (this) {
      ClientRecord record = byId.get(clientId);
      if (record == null) {
        return refused(NfsStat4.NFS4ERR_STALE_CLIENTID, departures);
      }
      if (sequence == record.createSequence()) {
        return new Created(record.createStatus(), record.createResult(), null, departures);
      }
      if (sequence != record.createSequence() + 1) {
        return refused(NfsStat4.NFS4ERR_SEQ_MISORDERED, departures);
      }
      if (!record.principal().equals(principal)) {
        return refused(NfsStat4.NFS4ERR_CLID_INUSE, departures);
      }
      if (record.state() == State.UNCONFIRMED
          && !confirmedByOwner.containsKey(record.owner())
          && !hasRoomFor(record.host(), departures)) {
        return refused(NfsStat4.NFS4ERR_DELAY, departures);
      }
      int status = build.check();
      Session session = null;
      if (status == NfsStat4.NFS4_OK) {
        session = admit(record, build);
        status = session == null ? NfsStat4.NFS4ERR_NOSPC : NfsStat4.NFS4_OK;
      }
      record.created(sequence, status, session == null ? null : build.result(sequence));
      if (session != null && record.state() == State.UNCONFIRMED) {
        confirm(record, departures);
      }
      if (session != null) {
        record.renew();
        wake(record);
      }
      return new Created(status, record.createResult(), session, departures);
    }
  }

  private static Created refused(int status, Departures departures) {
    return new Created(status, null, null, departures);
  }

  private Session admit(ClientRecord record, SessionBuilder build) {
    if (closed || record.sessions().size() >= limits.sessionsPerClientMax()) {
      return null;
    }
    if (budget.pressure() == Pressure.HIGH && !record.sessions().isEmpty()) {
      // What is left is for clients that have none: one host cannot have it all.
      return null;
    }
    long perSlot = Session.bytesPerSlot(build.cachedBytes());
    int wanted = build.slotsOffered(limits.slotsMax());
    long affordable = budget.affordable(Session.OVERHEAD_BYTES, perSlot);
    int slots = SlotReview.atFirst(budget.pressure(), wanted, affordable);
    if (slots < 1 || !budget.take(Session.OVERHEAD_BYTES + perSlot * slots)) {
      return null;
    }
    Session session = build.build(record, slots, limits.slotsMax(), budget);
    review.promised();
    record.sessions().add(session);
    sessions.put(session.id(), session);
    return session;
  }

  /** The record is confirmed; an earlier incarnation of the same client goes with it. */
  private void confirm(ClientRecord record, Departures departures) {
    memory.confirmed(record.clientId(), record.owner(), record.verifier(), record.principal());
    ClientRecord earlier = confirmedByOwner.get(record.owner());
    if (earlier != null) {
      remove(earlier, Cause.RESTARTED, departures);
    }
    unconfirmedByOwner.remove(record.owner());
    unconfirmedOf.remove(record.host());
    confirmedOf.add(record.host());
    record.transition(State.CONFIRMED);
    confirmedByOwner.put(record.owner(), record);
    LOG.info("{} is confirmed", record);
  }

  /** DESTROY_SESSION, when all else was checked. */
  void destroySession(Session session) {
    Departures departures = new Departures(lifecycle);
    synchronized (this) {
      dropSession(session, departures);
      session.client().sessions().remove(session);
    }
    departures.run();
  }

  private void dropSession(Session session, Departures departures) {
    if (sessions.remove(session.id()) != null) {
      session.slots().close();
      connections.forget(session);
      departures.session(session);
    }
  }

  /** DESTROY_CLIENTID, RFC 8881 section 18.50. */
  int destroyClient(long clientId) {
    Departures departures = new Departures(lifecycle);
    synchronized (this) {
      ClientRecord record = byId.get(clientId);
      if (record == null) {
        return NfsStat4.NFS4ERR_STALE_CLIENTID;
      }
      if (hasState(record)) {
        return NfsStat4.NFS4ERR_CLIENTID_BUSY;
      }
      remove(record, Cause.DESTROYED, departures);
    }
    departures.run();
    return NfsStat4.NFS4_OK;
  }

  /** An administrator wants the client gone; false if there is none. */
  boolean revoke(long clientId) {
    Departures departures = new Departures(lifecycle);
    synchronized (this) {
      ClientRecord record = byId.get(clientId);
      if (record == null) {
        return false;
      }
      remove(record, Cause.REVOKED, departures);
    }
    departures.run();
    return true;
  }

  private void remove(ClientRecord record, Cause cause, Departures departures) {
    boolean wasConfirmed = record.isConfirmed();
    record.transition(State.GONE);
    record.cancelLeaseTimer();
    byId.remove(record.clientId());
    courteous.remove(record);
    (wasConfirmed ? confirmedByOwner : unconfirmedByOwner).remove(record.owner(), record);
    (wasConfirmed ? confirmedOf : unconfirmedOf).remove(record.host());
    for (Session session : record.sessions()) {
      dropSession(session, departures);
    }
    record.sessions().clear();
    if (wasConfirmed) {
      LOG.info("{} is gone: {}", record, cause);
      departures.client(record.clientId(), cause);
    }
  }

  private void armLease(ClientRecord record, long delayNanos) {
    record.leaseTimer(timers.schedule(delayNanos, () -> leaseEnds(record)));
  }

  /** The timer runs once per lease, not once per request: it looks how much is left. */
  private void leaseEnds(ClientRecord record) {
    Departures departures = new Departures(lifecycle);
    synchronized (this) {
      if (closed || record.state() == State.GONE) {
        return;
      }
      long left = limits.lease().toNanos() - record.silentNanos();
      if (left > 0) {
        armLease(record, left);
      } else if (record.state() == State.CONFIRMED
          && limits.courteousMax() > 0
          && owners.holdsState(record.clientId())) {
        becomeCourteous(record, departures);
      } else {
        remove(record, Cause.EXPIRED, departures);
      }
    }
    departures.run();
    // Without the lock: it asks those who hold state.
    memory.review(record.clientId(), () -> record.isBusy() || owners.holdsState(record.clientId()));
  }

  /** Its lease is over, and it holds something that nobody has wanted so far. */
  private void becomeCourteous(ClientRecord record, Departures departures) {
    if (courteous.size() >= limits.courteousMax()) {
      remove(courteous.oldest(any -> true), Cause.EXPIRED, departures);
    }
    record.transition(State.COURTEOUS);
    courteous.add(record);
    departures.leaseOver(record.clientId());
    record.leaseTimer(timers.schedule(limits.courtesy().toNanos(), () -> courtesyEnds(record)));
    LOG.info("{} does not renew its lease; it keeps its opens and locks for now", record);
  }

  private void courtesyEnds(ClientRecord record) {
    endCourtesy(List.of(record));
  }

  /** Ends those of some clients that are courteous still; returns whether there were any. */
  private boolean endCourtesy(List<ClientRecord> records) {
    Departures departures = new Departures(lifecycle);
    boolean any = false;
    synchronized (this) {
      for (ClientRecord record : records) {
        if (!closed && record.state() == State.COURTEOUS) {
          remove(record, Cause.EXPIRED, departures);
          any = true;
        }
      }
    }
    departures.run();
    return any;
  }

  /**
   * Before a request of a client is executed: if its lease was over, it is not any more.
   *
   * @return false if it is too late: NFS4ERR_BADSESSION
   */
  boolean awake(ClientRecord record) {
    if (record.state() == State.CONFIRMED) {
      return true;
    }
    synchronized (this) {
      record.renew();
      wake(record);
      return record.state() == State.CONFIRMED;
    }
  }

  private void wake(ClientRecord record) {
    if (record.state() == State.COURTEOUS) {
      record.transition(State.CONFIRMED);
      courteous.remove(record);
      record.cancelLeaseTimer();
      armLease(record, limits.lease().toNanos());
      LOG.info("{} is back in time", record);
    }
  }

  /**
   * Ends the clients whose lease is over and that are in somebody's way.
   *
   * @param inTheWay asked without a lock
   * @return whether there were any
   */
  boolean giveWay(LongPredicate inTheWay) {
    List<ClientRecord> all;
    synchronized (this) {
      if (courteous.size() == 0) {
        return false;
      }
      all = courteous.all();
    }
    all.removeIf(record -> !inTheWay.test(record.clientId()));
    return endCourtesy(all);
  }

  /** Ends the one whose lease is over longest; returns whether there was one. */
  boolean makeRoom() {
    ClientRecord oldest;
    synchronized (this) {
      oldest = courteous.oldest(any -> true);
    }
    return oldest != null && endCourtesy(List.of(oldest));
  }

  /** How many clients' leases are over while they still hold something. */
  synchronized int courteousCount() {
    return courteous.size();
  }

  /** Stops all timers; nothing expires any more, and no session is created. */
  synchronized void close() {
    closed = true;
    new ArrayList<>(byId.values()).forEach(ClientRecord::cancelLeaseTimer);
  }

  /** How many sessions there are. */
  int sessionCount() {
    return sessions.size();
  }
}
