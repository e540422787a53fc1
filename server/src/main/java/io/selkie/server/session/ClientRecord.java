package io.selkie.server.session;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.Principal;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A client record (RFC 8881 section 18.35.4) and its lease. Identity and state are guarded by the
 * {@link ClientTable}'s lock; the lease and the counts may be touched by any thread.
 */
final class ClientRecord {

  /** Where a record stands. */
  enum State {
    /** Made by EXCHANGE_ID. */
    UNCONFIRMED,
    /** A session was created. */
    CONFIRMED,
    /** Its lease is over, and nobody has minded what it still holds. */
    COURTEOUS,
    /** Forgotten; the record is only still referred to by what was running. */
    GONE
  }

  private final long clientId;
  private final ByteBuffer owner;
  private final long verifier;
  private final Principal principal;
  private final Object host;
  private final int role;
  private final NanoClock clock;

  private volatile State state = State.UNCONFIRMED;
  private String implementation;
  private int createSequence;
  private int createStatus = NfsStat4.NFS4ERR_SEQ_MISORDERED;
  private CreateSessionResult createResult;
  private Timers.Timer leaseTimer;

  private final List<Session> sessions = new CopyOnWriteArrayList<>();
  private final AtomicInteger running = new AtomicInteger();
  private volatile long renewedAtNanos;
  private volatile boolean reclaimComplete;

  ClientRecord(
      long clientId,
      ByteBuffer owner,
      long verifier,
      Principal principal,
      Object host,
      int role,
      NanoClock clock) {
    this.clientId = clientId;
    this.owner = owner;
    this.verifier = verifier;
    this.principal = principal;
    this.host = host;
    this.role = role;
    this.clock = clock;
    this.renewedAtNanos = clock.nanoTime();
  }

  long clientId() {
    return clientId;
  }

  /** The co_ownerid as a key: read-only, compared by content. */
  ByteBuffer owner() {
    return owner;
  }

  long verifier() {
    return verifier;
  }

  Principal principal() {
    return principal;
  }

  /** Where its EXCHANGE_ID came from. */
  Object host() {
    return host;
  }

  /** EXCHGID4_FLAG_USE_*: what we are to the client. */
  int role() {
    return role;
  }

  /** Whether a session was made for it and it is not forgotten yet. */
  boolean isConfirmed() {
    return state == State.CONFIRMED || state == State.COURTEOUS;
  }

  State state() {
    return state;
  }

  /** The one place where a record changes state. */
  void transition(State to) {
    boolean legal =
        switch (state) {
          case UNCONFIRMED -> to == State.CONFIRMED || to == State.GONE;
          case CONFIRMED -> to == State.COURTEOUS || to == State.GONE;
          case COURTEOUS -> to == State.CONFIRMED || to == State.GONE;
          case GONE -> false;
        };
    if (!legal) {
      throw new IllegalStateException("client record from " + state + " to " + to);
    }
    state = to;
  }

  /** The client's nii_name, or null; for people. */
  String implementation() {
    return implementation;
  }

  void implementation(String name) {
    implementation = name;
  }

  /** The last csa_sequence executed; at first one less than eir_sequenceid. */
  int createSequence() {
    return createSequence;
  }

  /** The status of the last CREATE_SESSION executed. */
  int createStatus() {
    return createStatus;
  }

  /** The result of the last CREATE_SESSION executed, if it succeeded. */
  CreateSessionResult createResult() {
    return createResult;
  }

  /** Keeps what came of a CREATE_SESSION, for its retry. */
  void created(int sequence, int status, CreateSessionResult result) {
    createSequence = sequence;
    createStatus = status;
    createResult = result;
  }

  List<Session> sessions() {
    return sessions;
  }

  void leaseTimer(Timers.Timer timer) {
    leaseTimer = timer;
  }

  void cancelLeaseTimer() {
    if (leaseTimer != null) {
      leaseTimer.cancel();
      leaseTimer = null;
    }
  }

  /** Renews the lease; for every successful SEQUENCE. */
  void renew() {
    renewedAtNanos = clock.nanoTime();
  }

  /** How long the client has been silent; 0 while a request of it is running. */
  long silentNanos() {
    return running.get() > 0 ? 0 : clock.nanoTime() - renewedAtNanos;
  }

  /** Whether a request of it is running. */
  boolean isBusy() {
    return running.get() > 0;
  }

  void requestBegan() {
    running.incrementAndGet();
    renew();
  }

  void requestEnded() {
    renew();
    running.decrementAndGet();
  }

  boolean isReclaimComplete() {
    return reclaimComplete;
  }

  /** RECLAIM_COMPLETE; false if it was said before. */
  synchronized boolean completeReclaim() {
    boolean first = !reclaimComplete;
    reclaimComplete = true;
    return first;
  }

  /** Whether any session's back channel works. */
  boolean hasBackChannel() {
    for (Session session : sessions) {
      if (session.backChannel().isUp()) {
        return true;
      }
    }
    return false;
  }

  @Override
  public String toString() {
    return "client %016x%s".formatted(clientId, implementation == null ? "" : " " + implementation);
  }
}
