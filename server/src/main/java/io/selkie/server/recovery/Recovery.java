package io.selkie.server.recovery;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.Principal;
import io.selkie.server.session.ClientMemory;
import io.selkie.server.state.Grace;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.LongPredicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who may reclaim, who may take anew, and what the store must know of it (RFC 8881 sections 8.4.2
 * and 8.4.3).
 *
 * <ul>
 *   <li>A client's record is on disk before the client is told of its first state: {@link
 *       #remember}. It stays while the client holds any.
 *   <li>A record is off the disk before what its client held, or did not reclaim, can go to
 *       somebody else: {@link #forget}, and the end of the grace period. So after any number of
 *       restarts whoever has a record may reclaim, and whoever has none may not.
 *   <li>The grace period begins with the server if there are records, and ends when each of their
 *       clients has said RECLAIM_COMPLETE, or when its time is over.
 * </ul>
 *
 * <p>Safe for use by several threads. Answers at once; its one lock is held in memory only.
 */
public final class Recovery implements Grace, ClientMemory {

  private static final Logger LOG = LoggerFactory.getLogger(Recovery.class);

  /** While clients reclaim, the grace period is prolonged by so much, up to twice its length. */
  private static final long PROLONGED_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final CompletionStage<Void> DONE = CompletableFuture.completedFuture(null);

  /** A confirmed client of this server. All but its volatile fields guarded by the lock. */
  private static final class Known {
    final StoredClient record;

    /** Whether it may reclaim, until it says RECLAIM_COMPLETE or the grace period ends. */
    volatile boolean mayReclaim;

    volatile boolean complete;
    volatile boolean reclaimed;

    /** On disk, and meant to stay; read without the lock by every OPEN. */
    volatile boolean remembered;

    volatile boolean remembersDenies;

    /** Whether the last that was asked of the store is to have a record; under the lock. */
    boolean written;

    Known(StoredClient record, boolean mayReclaim) {
      this.record = record;
      this.mayReclaim = mayReclaim;
    }
  }

  private final ClientStore store;
  private final NanoClock clock;
  private final Timers timers;
  private final long graceNanos;
  private volatile long beganNanos;

  /** By client id; the lock for everything here that is not volatile. */
  private final Map<Long, Known> clients = new ConcurrentHashMap<>();

  private final Map<ByteBuffer, Long> idOfOwner = new HashMap<>();

  /** Those of before who have not said RECLAIM_COMPLETE. Empty once grace is over. */
  private final Map<ByteBuffer, StoredClient> outstanding;

  private volatile GraceState state;
  private volatile boolean deniesUnknown;
  private volatile long lastReclaimNanos;
  private volatile CompletableFuture<Void> over = new CompletableFuture<>();

  /**
   * Begins, with a grace period if anybody has something to reclaim.
   *
   * @param grace how long it lasts unless all are done earlier
   */
  public Recovery(ClientStore store, NanoClock clock, Timers timers, Duration grace) {
    this.store = store;
    this.clock = clock;
    this.timers = timers;
    this.graceNanos = grace.toNanos();
    this.beganNanos = clock.nanoTime();
    this.lastReclaimNanos = beganNanos - PROLONGED_NANOS;
    this.outstanding = new HashMap<>(store.atStart());
    this.deniesUnknown = outstanding.values().stream().anyMatch(StoredClient::denies);
    if (outstanding.isEmpty()) {
      state = GraceState.OVER;
      over.complete(null);
      LOG.info("no client held anything when the server ended: no grace period");
    } else {
      state = GraceState.RUNNING;
      LOG.info(
          "grace period of at most {} s for {} clients", grace.toSeconds(), outstanding.size());
      timers.schedule(graceNanos, this::timeIsOver);
    }
  }

  private void become(GraceState next) {
    if (!state.canBecome(next)) {
      throw new IllegalStateException("grace period from " + state + " to " + next);
    }
    state = next;
  }

  // ---------------------------------------------------------------- who may what

  @Override
  public boolean inGrace() {
    return state != GraceState.OVER;
  }

  /** Complete when the grace period is over; dependents must not block. */
  public CompletionStage<Void> graceOver() {
    return over.minimalCompletionStage();
  }

  /** How many clients of before have neither said RECLAIM_COMPLETE nor lost their right to. */
  public int outstandingClients() {
    synchronized (clients) {
      return outstanding.size();
    }
  }

  @Override
  public int admitReclaim(long clientId) {
    Known client = clients.get(clientId);
    if (state != GraceState.RUNNING || client == null || !client.mayReclaim || client.complete) {
      return NfsStat4.NFS4ERR_NO_GRACE;
    }
    client.reclaimed = true;
    lastReclaimNanos = clock.nanoTime();
    return NfsStat4.NFS4_OK;
  }

  @Override
  public int admitNew(long clientId) {
    Known client = clients.get(clientId);
    return inGrace() || client == null || !client.complete
        ? NfsStat4.NFS4ERR_GRACE
        : NfsStat4.NFS4_OK;
  }

  /**
   * Whether data may be read or written without an open: not what an open that is yet to be
   * reclaimed may deny, and no write that a delegation yet to be reclaimed would not see.
   *
   * @return NFS4_OK or NFS4ERR_GRACE
   */
  @Override
  public int admitWithoutOpen(boolean write) {
    return inGrace() && (write || deniesUnknown) ? NfsStat4.NFS4ERR_GRACE : NfsStat4.NFS4_OK;
  }

  /**
   * Whether LAYOUTCOMMIT may reclaim: besides the client's right to, what it wrote must be in the
   * kernel's hands still, and a machine that was started anew has lost it.
   *
   * @return NFS4_OK, NFS4ERR_NO_GRACE or NFS4ERR_RECLAIM_BAD
   */
  @Override
  public int admitCommit(long clientId) {
    int status = admitReclaim(clientId);
    return status == NfsStat4.NFS4_OK && !store.isSameBoot()
        ? NfsStat4.NFS4ERR_RECLAIM_BAD
        : status;
  }

  // ---------------------------------------------------------------- clients come and go

  @Override
  public void confirmed(long clientId, ByteBuffer owner, long verifier, Principal principal) {
    boolean restarted;
    synchronized (clients) {
      StoredClient before = outstanding.get(owner);
      boolean same =
          state == GraceState.RUNNING && before != null && before.isSame(verifier, principal);
      // A client that was itself started anew holds nothing. Another one that only says so is not
      // believed: the name's owner may still come.
      restarted =
          before != null && before.verifier() != verifier && before.principal().equals(principal);
      StoredClient record =
          new StoredClient(owner, verifier, principal, clientId, same && before.denies());
      Known client = new Known(record, same);
      client.remembered = same;
      client.written = same;
      client.remembersDenies = same && before.denies();
      clients.put(clientId, client);
      idOfOwner.put(owner, clientId);
    }
    if (restarted) {
      LOG.info("client {} was started anew and has nothing to reclaim", Long.toHexString(clientId));
      var _ = store.remove(Set.of(owner)).thenRun(() -> finished(owner));
    }
  }

  /**
   * Makes sure that a client's record is on disk, which must be so before it is told of any state.
   * Costs nothing when it is.
   *
   * @param denies whether the state denies something to others
   * @return complete when it is; exceptionally with a {@link ClientStoreException} when it cannot
   *     be, then the client must not get the state (NFS4ERR_DELAY)
   */
  public CompletionStage<Void> remember(long clientId, boolean denies) {
    Known client = clients.get(clientId);
    if (client == null || (client.remembered && (!denies || client.remembersDenies))) {
      // Of a client that is gone no state is made.
      return DONE;
    }
    CompletionStage<Void> written;
    synchronized (clients) {
      if (clients.get(clientId) != client) {
        return DONE;
      }
      // The order of puts and removals is that of this lock.
      client.written = true;
      written =
          store.put(denies || client.remembersDenies ? client.record.withDenies() : client.record);
    }
    return written.thenRun(() -> {
      synchronized (clients) {
        client.remembered = true;
        client.remembersDenies |= denies;
      }
    });
  }

  @Override
  public CompletionStage<Void> reclaimComplete(long clientId) {
    Known client = clients.get(clientId);
    if (client == null) {
      return DONE;
    }
    // Who has reclaimed and been too late to say so had its record taken away with the others'.
    CompletionStage<Void> kept = client.reclaimed ? remember(clientId, false) : DONE;
    return kept.thenRun(() -> {
      client.complete = true;
      if (client.mayReclaim) {
        finished(client.record.owner());
      }
    });
  }

  /** One client less to wait for. */
  private void finished(ByteBuffer owner) {
    boolean last;
    synchronized (clients) {
      last = outstanding.remove(owner) != null && outstanding.isEmpty();
      deniesUnknown = outstanding.values().stream().anyMatch(StoredClient::denies);
    }
    if (last) {
      end("every client has reclaimed");
    }
  }

  @Override
  public void review(long clientId, BooleanSupplier busy) {
    Known client = clients.get(clientId);
    if (client == null || !client.remembered || !client.complete) {
      return;
    }
    synchronized (clients) {
      if (clients.get(clientId) != client) {
        return;
      }
      // A request that comes from here on finds no record and writes one, after the removal; one
      // that came before is seen now.
      client.remembered = false;
      if (busy.getAsBoolean()) {
        client.remembered = true;
        return;
      }
      client.remembersDenies = false;
      client.written = false;
      var _ = store.remove(Set.of(client.record.owner()));
    }
  }

  /**
   * A client's state ends without its consent, or it has none: it may not reclaim.
   *
   * @return complete when that is on disk: then, and not before, what it held may go to others
   */
  public CompletionStage<Void> forget(long clientId) {
    synchronized (clients) {
      Known client = clients.remove(clientId);
      if (client == null) {
        return DONE;
      }
      ByteBuffer owner = client.record.owner();
      Long now = idOfOwner.get(owner);
      if (now != null && now == clientId) {
        idOfOwner.remove(owner);
      } else if (now != null && clients.get(now).written) {
        // The record is that of the next incarnation.
        return DONE;
      }
      CompletionStage<Void> removed = store.remove(List.of(owner));
      return client.mayReclaim && !client.complete
          ? removed.thenRun(() -> finished(owner))
          : removed;
    }
  }

  /**
   * The server ends in order and no request runs any more: who holds nothing has nothing to
   * reclaim.
   *
   * @param holdsState whether a client holds any state
   */
  public void stopping(LongPredicate holdsState) {
    clients.keySet().forEach(id -> review(id, () -> holdsState.test(id)));
  }

  // ---------------------------------------------------------------- the end of the grace period

  /**
   * Begins a grace period although the server was not started anew: until it ends nobody opens,
   * locks or changes names. Nobody has lost anything, so nobody reclaims; it is for those who want
   * to see what their clients do.
   *
   * @return false when there is one already
   */
  public boolean start() {
    synchronized (clients) {
      if (state != GraceState.OVER) {
        return false;
      }
      over = new CompletableFuture<>();
      beganNanos = clock.nanoTime();
      become(GraceState.RUNNING);
    }
    LOG.warn("grace period of {} s, because an administrator wants it", graceNanos / 1_000_000_000);
    timers.schedule(graceNanos, this::timeIsOver);
    return true;
  }

  /**
   * Ends the grace period now; who has not reclaimed loses the right to. False if there is none.
   */
  public boolean end() {
    if (state != GraceState.RUNNING) {
      return false;
    }
    end("an administrator wants it");
    return true;
  }

  private void timeIsOver() {
    long now = clock.nanoTime();
    if (state == GraceState.RUNNING && now - beganNanos < graceNanos) {
      // The timer of an earlier one.
      timers.schedule(graceNanos - (now - beganNanos), this::timeIsOver);
      return;
    }
    boolean reclaiming = now - lastReclaimNanos < PROLONGED_NANOS;
    if (reclaiming && state == GraceState.RUNNING && now - beganNanos < 2 * graceNanos) {
      timers.schedule(PROLONGED_NANOS, this::timeIsOver);
      return;
    }
    end("its time is over");
  }

  private void end(String why) {
    List<ByteBuffer> late;
    CompletionStage<Void> written;
    synchronized (clients) {
      if (state != GraceState.RUNNING) {
        return;
      }
      become(GraceState.ENDING);
      late = new ArrayList<>(outstanding.keySet());
      clients
          .values()
          .forEach(client -> {
            if (client.mayReclaim && !client.complete) {
              // Others get what it had: it cannot reclaim in a grace period to come either.
              client.mayReclaim = false;
              client.remembered = false;
              client.remembersDenies = false;
              client.written = false;
            }
          });
      written = late.isEmpty() ? DONE : store.remove(late);
    }
    LOG.info("grace period ends, {}; {} clients did not finish", why, late.size());
    var _ = written.thenRun(this::isOver);
  }

  private void isOver() {
    CompletableFuture<Void> ended;
    synchronized (clients) {
      become(GraceState.OVER);
      outstanding.clear();
      deniesUnknown = false;
      ended = over;
    }
    LOG.info("grace period is over");
    ended.complete(null);
  }
}
