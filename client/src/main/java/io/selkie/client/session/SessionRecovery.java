package io.selkie.client.session;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.NfsStatusException;
import io.selkie.client.session.SessionHandshake.ClientId;
import io.selkie.protocol.nfs4.NfsStat4;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a session back: a new connection bound to it, or a new session for the same client id, or
 * all new. One thread recovers at a time, without holding a lock; the others wait for it with their
 * own deadlines.
 */
final class SessionRecovery {
  private static final Logger LOG = LoggerFactory.getLogger(SessionRecovery.class);
  private static final int TRIES_MAX = 4;

  /** Told when a new client id has replaced the old one, before anybody else may use it. */
  @FunctionalInterface
  interface StateLost {
    void reclaim(Incarnation fresh) throws IOException;
  }

  private final SessionSettings settings;
  private final SessionHandshake handshake;
  private final NfsConnection.CallHandler calls;
  private final long verifier;
  private StateLost stateLost = fresh -> {};
  private CompletableFuture<Void> running;
  private volatile Incarnation current;
  private volatile ClientId clientId;
  private volatile boolean closed;

  SessionRecovery(
      SessionSettings settings, SessionHandshake handshake, NfsConnection.CallHandler calls) {
    this.settings = settings;
    this.handshake = handshake;
    this.calls = calls;
    this.verifier = settings.random().nextLong();
  }

  void onStateLost(StateLost listener) {
    this.stateLost = listener;
  }

  Incarnation current() {
    return current;
  }

  ClientId clientId() {
    return clientId;
  }

  /** No recovery any more. */
  void close() {
    closed = true;
  }

  boolean isClosed() {
    return closed;
  }

  /** The first session. */
  Incarnation start() throws IOException {
    NfsConnection connection = connect();
    try {
      clientId =
          handshake.exchangeId(
              connection, settings.owner().getBytes(StandardCharsets.UTF_8), verifier);
      current = createSession(connection, 1);
      return current;
    } catch (IOException e) {
      connection.close();
      throw e;
    }
  }

  /**
   * A session that works, as far as one can know: the given one with another connection, or another
   * one.
   *
   * @param seen the session that failed
   * @param failed the connection that failed, or null when the server does not know the session
   */
  Incarnation recover(Incarnation seen, NfsConnection failed, Deadline deadline, Throwable cause)
      throws IOException {
    BackOff backOff = new BackOff(settings.timers(), settings.random(), deadline);
    Throwable last = cause;
    while (true) {
      if (closed) {
        throw new IOException("the client is closed", last);
      }
      CompletableFuture<Void> turn;
      boolean mine = false;
      synchronized (this) {
        if (current != seen || (failed != null && seen.connection != failed)) {
          return current;
        }
        if (running == null) {
          running = new CompletableFuture<>();
          mine = true;
        }
        turn = running;
      }
      if (!mine) {
        waitFor(turn, deadline, last);
        continue;
      }
      try {
        return recoverNow(seen, failed);
      } catch (IOException e) {
        LOG.debug("recovery of the session with {} fails, tried again", settings.server(), e);
        last = e;
      } finally {
        synchronized (this) {
          running = null;
        }
        turn.complete(null);
      }
      deadline.check("no session with " + settings.server() + ": " + last.getMessage(), last);
      backOff.pause("no session with " + settings.server() + ": " + last.getMessage());
    }
  }

  private static void waitFor(CompletableFuture<Void> turn, Deadline deadline, Throwable last)
      throws IOException {
    try {
      turn.get(Math.max(1, deadline.leftNanos()), TimeUnit.NANOSECONDS);
    } catch (TimeoutException _) {
      deadline.check("the session is being recovered", last);
    } catch (ExecutionException e) {
      throw new IllegalStateException("recovery completes normally", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      java.io.InterruptedIOException interrupted =
          new java.io.InterruptedIOException("interrupted while the session is recovered");
      interrupted.initCause(e);
      throw interrupted;
    }
  }

  private Incarnation recoverNow(Incarnation seen, NfsConnection failed) throws IOException {
    NfsConnection connection = seen.connection;
    if (failed != null || !connection.isOpen()) {
      connection.fail(new IOException("replaced"));
      connection = connect();
      settings.counters().increment(Counter.RECONNECTS);
    }
    boolean good = false;
    try {
      if (failed != null) {
        int status = handshake.bind(connection, seen.id);
        if (status == NfsStat4.NFS4_OK) {
          seen.connection = connection;
          good = true;
          return seen;
        }
        if (!SessionHandshake.sessionIsGone(status)) {
          throw new NfsStatusException(status, "BIND_CONN_TO_SESSION");
        }
      }
      // Usually the server has forgotten it; if it is only out of step, it must not linger.
      handshake.destroySession(connection, seen.id);
      Incarnation fresh = renew(connection, seen);
      seen.slots.kill();
      current = fresh;
      good = true;
      return fresh;
    } finally {
      if (!good) {
        connection.fail(new IOException("recovery failed"));
      }
    }
  }

  private Incarnation renew(NfsConnection connection, Incarnation seen) throws IOException {
    settings.counters().increment(Counter.SESSIONS_RECREATED);
    try {
      return createSession(connection, seen.stateGeneration);
    } catch (NfsStatusException e) {
      if (!SessionHandshake.clientIdIsGone(e)) {
        throw e;
      }
    }
    long before = seen.clientId;
    clientId =
        handshake.exchangeId(
            connection, settings.owner().getBytes(StandardCharsets.UTF_8), verifier);
    boolean lost = clientId.id() != before;
    Incarnation fresh =
        createSession(connection, lost ? seen.stateGeneration + 1 : seen.stateGeneration);
    if (lost) {
      LOG.warn("{} has lost our state; reclaiming what is open", settings.server());
      settings.counters().increment(Counter.STATE_LOSSES);
      stateLost.reclaim(fresh);
    }
    return fresh;
  }

  /** The sequence of CREATE_SESSION moves on with each success (RFC 8881 section 18.36.4). */
  private Incarnation createSession(NfsConnection connection, int stateGeneration)
      throws IOException {
    for (int i = 0; ; i++) {
      ClientId owner = clientId;
      try {
        SessionHandshake.CreatedSession created =
            handshake.createSession(
                connection,
                owner.id(),
                owner.sequence(),
                settings.transferBytes(),
                settings.slots());
        clientId = new ClientId(owner.id(), owner.sequence() + 1, owner.flags());
        return new Incarnation(created, owner.id(), stateGeneration, settings.slots(), connection);
      } catch (NfsStatusException e) {
        if (e.status() != NfsStat4.NFS4ERR_SEQ_MISORDERED || i == TRIES_MAX) {
          throw e;
        }
        // A reply got lost and the server is ahead: EXCHANGE_ID says where it is.
        clientId =
            handshake.exchangeId(
                connection, settings.owner().getBytes(StandardCharsets.UTF_8), verifier);
      }
    }
  }

  private NfsConnection connect() throws IOException {
    return NfsConnection.connect(
        settings.group(),
        settings.server(),
        settings.connectTimeoutMillis(),
        settings.transferBytes() + 64 * 1024,
        settings.random().nextInt(),
        calls);
  }
}
