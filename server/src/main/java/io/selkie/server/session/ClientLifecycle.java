package io.selkie.server.session;

import io.selkie.protocol.nfs4.SessionId4;
import java.util.concurrent.CompletionStage;

/**
 * Told when clients and sessions come to an end, so that whatever hangs on them can go too: opens,
 * layouts, queue pairs. Called outside any lock, on a worker, an event loop or a timer thread: an
 * implementation hands work that blocks to somebody else.
 */
public interface ClientLifecycle {

  /** Why a client is gone. */
  enum Cause {
    /** It did not renew its lease. */
    EXPIRED,
    /** It said so: DESTROY_CLIENTID. */
    DESTROYED,
    /** It is back as a new incarnation, which has been confirmed. */
    RESTARTED,
    /** Another client, of the same name and another principal, took its place. */
    REPLACED,
    /** An administrator said so. */
    REVOKED
  }

  /**
   * A confirmed client is gone, and its sessions with it: no request of it will be accepted any
   * more, though some may still be running.
   *
   * @return complete when nothing of its state is left: handles are dead, opens are closed
   */
  CompletionStage<Void> clientGone(long clientId, Cause cause);

  /**
   * A client's lease is over, but it keeps its opens and locks until somebody minds. What it can
   * reach without asking, or what holds up others without asking, goes now: layouts, delegations.
   */
  default void leaseOver(long clientId) {}

  /** A session is gone: queue pairs bound to it must be torn down. */
  void sessionGone(long clientId, SessionId4 sessionId);
}
