package io.selkie.client.session;

import io.selkie.config.time.Timers;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.xdr.XdrReader;
import java.io.IOException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a session's lease alive and does what sr_status_flags ask for (RFC 8881 section 18.46.3).
 * Both on workers; at most one of each at a time.
 */
final class SessionKeeper {
  private static final Logger LOG = LoggerFactory.getLogger(SessionKeeper.class);
  private static final int BACK_CHANNEL =
      SessionConst4.SEQ4_STATUS_CB_PATH_DOWN
          | SessionConst4.SEQ4_STATUS_CB_PATH_DOWN_SESSION
          | SessionConst4.SEQ4_STATUS_BACKCHANNEL_FAULT;
  private static final int REVOKED =
      SessionConst4.SEQ4_STATUS_EXPIRED_ALL_STATE_REVOKED
          | SessionConst4.SEQ4_STATUS_EXPIRED_SOME_STATE_REVOKED
          | SessionConst4.SEQ4_STATUS_ADMIN_STATE_REVOKED
          | SessionConst4.SEQ4_STATUS_RECALLABLE_STATE_REVOKED;
  private static final int LEASE_SECONDS_DEFAULT = 30;
  private static final int LEASE_SECONDS_MAX = 3600;

  private final Nfs41Session session;
  private final SessionSettings settings;
  private final SessionHandshake handshake;
  private final SessionRecovery recovery;
  private final AtomicBoolean handling = new AtomicBoolean();
  private volatile StateListener state;
  private volatile long renewNanos = LEASE_SECONDS_DEFAULT * 1_000_000_000L / 3;
  private volatile long lastReplyNanos;
  private volatile Timers.Timer timer;
  private volatile boolean closed;

  SessionKeeper(
      Nfs41Session session,
      SessionSettings settings,
      SessionHandshake handshake,
      SessionRecovery recovery) {
    this.session = session;
    this.settings = settings;
    this.handshake = handshake;
    this.recovery = recovery;
  }

  void start(StateListener listener) throws IOException {
    state = listener;
    recovery.onStateLost(this::reclaim);
    reclaimComplete(session::call);
    renewNanos = leaseSeconds() * 1_000_000_000L / 3;
    lastReplyNanos = settings.clock().nanoTime();
    schedule();
  }

  private void reclaim(Incarnation fresh) throws IOException {
    StateListener.RecoveryCalls calls =
        new StateListener.RecoveryCalls() {
          @Override
          public <T> T call(Compound call, Nfs41Session.Decoder<T> decoder) throws IOException {
            return session.callDuringRecovery(fresh, call, decoder);
          }
        };
    state.onStateLost(calls);
    reclaimComplete(calls);
  }

  private void reclaimComplete(StateListener.RecoveryCalls calls) throws IOException {
    try (Compound call = session.compound("RECLAIM_COMPLETE").keepReply()) {
      call.op(NfsOp4.OP_RECLAIM_COMPLETE).bool(false);
      calls.call(
          call,
          reply -> {
            int status = reply.next(NfsOp4.OP_RECLAIM_COMPLETE);
            if (status != NfsStat4.NFS4_OK && status != NfsStat4.NFS4ERR_COMPLETE_ALREADY) {
              throw reply.failure(status);
            }
            return null;
          });
    }
  }

  private long leaseSeconds() throws IOException {
    try (Compound call = session.compound("GETATTR of lease_time")) {
      call.putRootFh().getAttr(Bitmap4.of(FileAttributes.FATTR4_LEASE_TIME));
      return session.call(
          call,
          reply -> {
            reply.ok(NfsOp4.OP_PUTROOTFH);
            XdrReader in = reply.ok(NfsOp4.OP_GETATTR).in();
            boolean sent = new Bitmap4().decode(in).isSet(FileAttributes.FATTR4_LEASE_TIME);
            in.int32();
            return sent ? Math.clamp(in.uint32(), 1, LEASE_SECONDS_MAX) : LEASE_SECONDS_DEFAULT;
          });
    }
  }

  /** After each reply: the lease is renewed, and flags may ask for something. Must be cheap. */
  void onReply(Incarnation from, int flags) {
    lastReplyNanos = settings.clock().nanoTime();
    if (flags != 0 && state != null && handling.compareAndSet(false, true)) {
      run(() -> {
        try {
          handle(from, flags);
        } finally {
          handling.set(false);
        }
      });
    }
  }

  private void handle(Incarnation from, int flags) {
    if (from != recovery.current() || closed) {
      return;
    }
    try {
      NfsConnection connection = from.connection;
      if ((flags & BACK_CHANNEL) != 0 && from.rebound != connection) {
        from.rebound = connection;
        int status = handshake.bind(connection, from.id);
        LOG.info("back channel of {} bound again: {}", connection.peer(), NfsStat4.name(status));
      }
      if ((flags & REVOKED) != 0) {
        state.onStateRevoked();
      }
    } catch (IOException e) {
      LOG.warn("status flags {} of the server not dealt with", Integer.toHexString(flags), e);
    }
  }

  private void schedule() {
    if (!closed) {
      timer = settings.timers().schedule(renewNanos, () -> run(this::renew));
    }
  }

  private void run(Runnable work) {
    try {
      settings.workers().execute(work);
    } catch (RejectedExecutionException e) {
      handling.set(false);
      LOG.debug("no worker any more", e);
    }
  }

  private void renew() {
    try {
      if (settings.clock().nanoTime() - lastReplyNanos >= renewNanos / 2 && !closed) {
        try (Compound call = session.compound("SEQUENCE for the lease")) {
          session.callUrgent(call, session.deadline(), Reply::status);
        }
      }
    } catch (IOException e) {
      LOG.warn("lease with {} not renewed", settings.server(), e);
    } finally {
      schedule();
    }
  }

  void close() {
    closed = true;
    Timers.Timer pending = timer;
    if (pending != null) {
      pending.cancel();
    }
  }

  void closedBadly(IOException cause) {
    LOG.debug("session with {} was not destroyed; the lease will end it", settings.server(), cause);
  }
}
