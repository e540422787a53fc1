package io.selkie.server.session;

import io.selkie.server.session.ClientLifecycle.Cause;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The clients, leases and sessions that ended while a lock was held, to be told of when not. */
final class Departures {

  private static final Logger LOG = LoggerFactory.getLogger(Departures.class);

  private record Gone(long clientId, Cause cause) {}

  private final ClientLifecycle lifecycle;
  private final List<Session> sessions = new ArrayList<>(0);
  private final List<Gone> clients = new ArrayList<>(0);
  private final List<Long> leasesOver = new ArrayList<>(0);

  Departures(ClientLifecycle lifecycle) {
    this.lifecycle = lifecycle;
  }

  void session(Session session) {
    sessions.add(session);
  }

  void client(long clientId, Cause cause) {
    clients.add(new Gone(clientId, cause));
  }

  void leaseOver(long clientId) {
    leasesOver.add(clientId);
  }

  /** Tells of them; the stage is complete when nothing is left of the clients. */
  CompletionStage<Void> run() {
    for (Session session : sessions) {
      session.destroy();
      lifecycle.sessionGone(session.client().clientId(), session.id());
    }
    leasesOver.forEach(lifecycle::leaseOver);
    CompletableFuture<Void> all = CompletableFuture.completedFuture(null);
    for (Gone gone : clients) {
      all =
          all.thenCombine(
              lifecycle.clientGone(gone.clientId(), gone.cause()), (first, second) -> null);
    }
    return all.whenComplete((nothing, failure) -> {
      if (failure != null) {
        LOG.error("what clients held could not be let go: {}", clients, failure);
      }
    });
  }
}
