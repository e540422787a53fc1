package io.selkie.server.direct;

import io.selkie.layout.rdma.RdmaDomains;
import io.selkie.protocol.layout.rdma.BindingData;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePairListener;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongConsumer;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides on queue pairs: lets those in that name a session we know, into that client's protection
 * domain, and breaks them when the session or the client goes. Safe for use by several threads; its
 * lock is not held while a queue pair is closed.
 */
public final class QueuePairGate implements ConnectionAcceptor {

  private static final Logger LOG = LoggerFactory.getLogger(QueuePairGate.class);

  /** Whose session it is. */
  @FunctionalInterface
  public interface Sessions {
    /** The client that owns a session; empty when there is no such session. Must not block. */
    OptionalLong clientOf(SessionId4 session);
  }

  /**
   * Bounds.
   *
   * @param queuePairsMax of all clients together
   * @param queuePairsPerClientMax of one client
   */
  public record Limits(int queuePairsMax, int queuePairsPerClientMax) {}

  private final Sessions sessions;
  private final RdmaDomains domains;
  private final Limits limits;
  private final boolean flush;
  private final ServerMetrics metrics;
  private final Set<Bound> established = new HashSet<>();
  private final Map<Long, Integer> perClient = new HashMap<>();
  private final List<RdmaDomains> others = new CopyOnWriteArrayList<>();
  private boolean stopping;

  /**
   * Creates the gate.
   *
   * @param flush whether the provider offers RDMA FLUSH
   */
  public QueuePairGate(
      Sessions sessions, RdmaDomains domains, Limits limits, boolean flush, ServerMetrics metrics) {
    this.sessions = sessions;
    this.domains = domains;
    this.limits = limits;
    this.flush = flush;
    this.metrics = metrics;
    metrics.gauge(Metric.QUEUE_PAIRS, this::count);
  }

  /**
   * The same gate for another provider: its bounds count for all together.
   *
   * @param at the clients' domains there
   * @param flushes whether that provider offers RDMA FLUSH
   * @param up told the client of each queue pair that comes up there; must not block
   * @param down the same of each that {@code up} was told of, when it is over
   */
  public ConnectionAcceptor also(
      RdmaDomains at, boolean flushes, LongConsumer up, LongConsumer down) {
    others.add(at);
    return request -> decide(request, at, flushes, up, down);
  }

  @Override
  public Decision onRequest(ConnectionRequest request) {
    return decide(request, domains, flush, _ -> {}, _ -> {});
  }

  private Decision decide(
      ConnectionRequest request,
      RdmaDomains at,
      boolean flushes,
      LongConsumer up,
      LongConsumer down) {
    String peer = request.remoteAddress();
    Optional<SessionId4> named = BindingData.session(request.privateData());
    if (named.isEmpty()) {
      return refuse(
          BindingData.Refusal.BAD_REQUEST, peer, "the private data names no NFSv4.1 session");
    }
    SessionId4 session = named.get();
    OptionalLong client = sessions.clientOf(session);
    Optional<ProtectionDomain> domain =
        client.isPresent() ? at.domainFor(client.getAsLong()) : Optional.empty();
    if (domain.isEmpty()) {
      return refuse(BindingData.Refusal.UNKNOWN_SESSION, peer, "there is no session " + session);
    }
    String full;
    synchronized (this) {
      if (stopping) {
        return refuse(BindingData.Refusal.STOPPING, peer, "the server stops");
      }
      full = full(client.getAsLong());
    }
    if (full != null) {
      return refuse(BindingData.Refusal.LIMIT, peer, full);
    }
    return new Accept(
        domain.get(),
        BindingData.accept(flushes ? BindingData.FLAG_FLUSH : 0),
        new Bound(session, client.getAsLong(), peer, at, up, down),
        BindingData.peerSpins(request.privateData()));
  }

  private Decision refuse(BindingData.Refusal reason, String peer, String text) {
    metrics.counter(Metric.QUEUE_PAIRS_REFUSED, reason.name()).inc();
    LOG.warn("queue pair from {} refused: {}", peer, text);
    return new Refuse(BindingData.refuse(reason, text));
  }

  /** Why one more would be too many, or null. */
  private synchronized String full(long client) {
    if (established.size() >= limits.queuePairsMax) {
      return limits.queuePairsMax + " queue pairs are up (rdma.maxQueuePairs)";
    }
    return perClient.getOrDefault(client, 0) >= limits.queuePairsPerClientMax
        ? "the client has "
            + limits.queuePairsPerClientMax
            + " queue pairs (rdma.maxQueuePairsPerClient)"
        : null;
  }

  /** A session is gone: its queue pairs are broken. */
  public void sessionGone(SessionId4 session) {
    abort(bound -> bound.session.equals(session), "the session is gone");
  }

  /** A client is gone: its queue pairs are broken, its domain closed. */
  public void clientGone(long client) {
    abort(bound -> bound.client == client, "the client is gone");
    domains.close(client);
    others.forEach(each -> each.close(client));
  }

  /** Refuses everything from now on; what is up stays up. */
  public synchronized void stop() {
    stopping = true;
  }

  /** Queue pairs now up. */
  public synchronized int count() {
    return established.size();
  }

  /** Those of one provider. */
  public synchronized int count(RdmaDomains at) {
    return (int) established.stream().filter(bound -> bound.at.equals(at)).count();
  }

  private void abort(Predicate<Bound> which, String reason) {
    List<Bound> gone = new ArrayList<>();
    synchronized (this) {
      established.stream().filter(which).forEach(gone::add);
    }
    gone.forEach(bound -> bound.queuePair.abort(reason));
  }

  /** A queue pair and what it is bound to. */
  private final class Bound implements QueuePairListener {
    private final SessionId4 session;
    private final long client;
    private final String peer;
    private final RdmaDomains at;
    private final LongConsumer up;
    private final LongConsumer down;
    private QueuePair queuePair;
    private volatile boolean wasUp;

    Bound(
        SessionId4 session,
        long client,
        String peer,
        RdmaDomains at,
        LongConsumer up,
        LongConsumer down) {
      this.session = session;
      this.client = client;
      this.peer = peer;
      this.at = at;
      this.up = up;
      this.down = down;
    }

    @Override
    public void onEstablished(QueuePair newQueuePair) {
      queuePair = newQueuePair;
      String full;
      synchronized (QueuePairGate.this) {
        full = full(client);
        established.add(this);
        perClient.merge(client, 1, Integer::sum);
      }
      // Between the request and now the session may have gone, and others may have come. Who
      // forgets a session does so before it tells us, so one of the two of us sees it.
      if (sessions.clientOf(session).isEmpty()) {
        newQueuePair.abort("the session is gone");
      } else if (full != null) {
        LOG.warn("queue pair from {} broken: {}", peer, full);
        newQueuePair.abort(full);
      } else {
        wasUp = true;
        up.accept(client);
        LOG.debug("queue pair from {} is up for client {}", peer, Long.toHexString(client));
      }
    }

    @Override
    public void onClosed(DisconnectCause cause) {
      if (wasUp) {
        down.accept(client);
      }
      synchronized (QueuePairGate.this) {
        if (established.remove(this)) {
          perClient.computeIfPresent(client, (id, count) -> count == 1 ? null : count - 1);
        }
      }
      switch (cause.kind()) {
        case LOCAL_CLOSE, REMOTE_CLOSE -> LOG.debug("queue pair from {} closed: {}", peer, cause);
        case LOCAL_ABORT, LOCAL_ERROR, REMOTE_ERROR, TRANSPORT_FAILURE ->
            LOG.info("queue pair from {} ended: {} {}", peer, cause.kind(), cause.detail());
      }
    }
  }
}
