package io.selkie.server;

import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.RecallCause;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.server.direct.QueuePairGate;
import io.selkie.server.recovery.Recovery;
import io.selkie.server.session.ClientLifecycle;
import io.selkie.server.state.LockTable;
import io.selkie.server.state.OpenTable;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.function.LongConsumer;

/**
 * What goes when a client or a session goes: first the layouts, fenced, because only they can still
 * change anything, then its record on disk, then the opens that kept their files open, then the
 * queue pairs that are left.
 *
 * <p>Sessions are made before what hangs on them, so the parts come later, once: {@link #attach}.
 */
final class Departure implements ClientLifecycle {

  private record Parts(
      LayoutArbiter arbiter, OpenTable opens, LockTable locks, Optional<QueuePairGate> gate) {}

  private final Recovery recovery;
  private final Executor fencing;
  private final List<LongConsumer> first = new CopyOnWriteArrayList<>();
  private volatile Parts parts;

  /**
   * With nothing attached.
   *
   * @param recovery must have forgotten a client before others get what it held
   * @param fencing runs what may take long because there are many files; it waits for no disk
   */
  Departure(Recovery recovery, Executor fencing) {
    this.recovery = recovery;
    this.fencing = fencing;
  }

  /** To be called once, before the first request. */
  void attach(
      LayoutArbiter arbiter, OpenTable opens, LockTable locks, Optional<QueuePairGate> gate) {
    parts = new Parts(arbiter, opens, locks, gate);
  }

  /** Adds one who is told of every client that is gone, before anything else; must not block. */
  void first(LongConsumer told) {
    first.add(told);
  }

  @Override
  public CompletionStage<Void> clientGone(long clientId, Cause cause) {
    Parts all = parts;
    first.forEach(told -> told.accept(clientId));
    RecallCause why =
        switch (cause) {
          case EXPIRED -> RecallCause.CLIENT_EXPIRED;
          case DESTROYED, RESTARTED, REPLACED -> RecallCause.CLIENT_DESTROYED;
          case REVOKED -> RecallCause.ADMINISTRATIVE;
        };
    return CompletableFuture.supplyAsync(() -> all.arbiter.clientGone(clientId, why), fencing)
        .thenCompose(stage -> stage)
        // Nobody may get what it held while it could still reclaim that after a restart.
        .thenCompose(_ -> recovery.forget(clientId))
        .thenRunAsync(
            () -> {
              all.opens.clientGone(clientId);
              all.locks.clientGone(clientId);
              all.gate.ifPresent(gate -> gate.clientGone(clientId));
            },
            fencing);
  }

  @Override
  public void leaseOver(long clientId) {
    LayoutArbiter arbiter = parts.arbiter;
    fencing.execute(() -> {
      var _ = arbiter.leaseOver(clientId);
    });
  }

  @Override
  public void sessionGone(long clientId, SessionId4 sessionId) {
    // At once: who destroyed the session must find its queue pairs broken. That does not block.
    parts.gate.ifPresent(gate -> gate.sessionGone(sessionId));
  }
}
