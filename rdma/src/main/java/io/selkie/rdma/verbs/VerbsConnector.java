package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.RdmaCmEvent.EventType;
import com.ibm.disni.verbs.RdmaCmId;
import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.RdmaException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.net.InetSocketAddress;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** One attempt to connect, on the caller's thread; the connection's events come from the loop. */
final class VerbsConnector {

  /** InfiniBand's reasons of a refusal (enum ib_cm_rej_reason). */
  private static final int REFUSED_NOBODY_LISTENS = 8;

  private static final int REFUSED_BY_CONSUMER = 28;
  private static final int ECONNREFUSED = 111;
  // With ENETUNREACH, ETIMEDOUT and EHOSTUNREACH.
  private static final Set<Integer> UNREACHABLE = Set.of(ECONNREFUSED, 101, 110, 113);

  private final VerbsProvider provider;
  private final InetSocketAddress peer;
  private final VerbsDomain domain;
  private final ConnectOptions options;
  private final QueuePairListener listener;
  private final long deadlineNanos;
  // A connection in set-up has one event at a time, and two or three more of bad news.
  private final BlockingQueue<ConnectionEvent> events = new LinkedBlockingQueue<>(16);

  VerbsConnector(
      VerbsProvider provider,
      InetSocketAddress peer,
      VerbsDomain domain,
      ConnectOptions options,
      QueuePairListener listener) {
    this.provider = provider;
    this.peer = peer;
    this.domain = domain;
    this.options = options;
    this.listener = listener;
    deadlineNanos =
        provider.clock().nanoTime() + TimeUnit.MILLISECONDS.toNanos(options.connectTimeoutMillis());
    int most = PrivateData.bytesMax(provider.device().iwarp());
    if (options.privateData().remaining() > most) {
      throw new IllegalArgumentException(
          "private data of a request has %d octets; %d are allowed"
              .formatted(options.privateData().remaining(), most));
    }
  }

  VerbsQueuePair connect() throws RdmaException, InterruptedException {
    RdmaCmId id;
    try {
      id = provider.loop().createId(this::offer);
    } catch (IOException e) {
      throw failure(RdmaException.Reason.SYSTEM, e.getMessage(), e);
    }
    VerbsQueuePair pair = null;
    boolean done = false;
    try {
      resolve(id);
      pair = make(id);
      request(id);
      ConnectionEvent up = await(EventType.RDMA_CM_EVENT_ESTABLISHED);
      VerbsQueuePair made = pair;
      provider.loop().handle(id, event -> onEvent(made, event));
      done = pair.established(PrivateData.unwrap(provider.device().iwarp(), up.privateData()));
      // What came between the two handlers.
      for (ConnectionEvent late = events.poll(); late != null; late = events.poll()) {
        onEvent(made, late);
      }
      if (!done) {
        throw failure(RdmaException.Reason.CLOSED, pair.disconnectCause().detail(), null);
      }
      return pair;
    } catch (IOException e) {
      throw e instanceof RdmaException known ? known : failure(reason(e), e.getMessage(), e);
    } finally {
      if (!done) {
        if (pair != null) {
          pair.onTrouble("the connection could not be made");
        } else {
          provider.loop().destroy(id);
        }
      }
    }
  }

  /** iWARP says it of the call, where others have an event. */
  private static RdmaException.Reason reason(IOException e) {
    boolean unreachable = e instanceof VerbsException known && UNREACHABLE.contains(known.errno());
    return unreachable ? RdmaException.Reason.UNREACHABLE : RdmaException.Reason.SYSTEM;
  }

  private void offer(ConnectionEvent event) {
    var _ = events.offer(event);
  }

  private void resolve(RdmaCmId id) throws IOException, InterruptedException {
    id.resolveAddr(null, peer, millisLeft());
    await(EventType.RDMA_CM_EVENT_ADDR_RESOLVED);
    if (!provider.device().is(id.getVerbs())) {
      throw failure(
          RdmaException.Reason.UNREACHABLE,
          "the way there is not by device %s; name the device's address in the configuration"
              .formatted(provider.device().name()),
          null);
    }
    id.resolveRoute(millisLeft());
    await(EventType.RDMA_CM_EVENT_ROUTE_RESOLVED);
  }

  private VerbsQueuePair make(RdmaCmId id) throws IOException {
    if (!provider.hasRoom()) {
      throw failure(RdmaException.Reason.LIMIT, "as many queue pairs as allowed are open", null);
    }
    if (!domain.hold()) {
      throw failure(RdmaException.Reason.CLOSED, domain + " is closed", null);
    }
    VerbsQueuePair pair;
    boolean made = false;
    try {
      VerbsHandles handles =
          VerbsHandles.make(provider, domain, id, options.sendQueueDepth(), false);
      pair =
          new VerbsQueuePair(
              domain, id, handles, false, listener, options.busyPollNanos(), peer.toString());
      made = true;
    } finally {
      if (!made) {
        domain.letGo();
      }
    }
    provider.add(pair);
    if (!domain.join(pair)) {
      pair.abort(domain + " was closed meanwhile");
    }
    return pair;
  }

  private void request(RdmaCmId id) throws IOException {
    byte[] data = PrivateData.wrap(provider.device().iwarp(), options.privateData());
    VerbsDevice device = provider.device();
    try (Arena arena = Arena.ofConfined()) {
      NativeVerbs.connect(
          VerbsListener.addressOf(id),
          Math.min(Math.min(options.readsOutstanding(), device.maxReadsAsInitiator()), 255),
          Math.min(provider.config().maxInboundReads(), device.maxReadsAsResponder()),
          VerbsListener.copy(arena, data).address(),
          data.length);
    }
  }

  private static void onEvent(VerbsQueuePair pair, ConnectionEvent event) {
    switch (event.kind()) {
      case RDMA_CM_EVENT_DISCONNECTED -> pair.onDisconnected();
      case RDMA_CM_EVENT_TIMEWAIT_EXIT, RDMA_CM_EVENT_ADDR_CHANGE -> {}
      default -> pair.onTrouble("%s (status %d)".formatted(event.kind(), event.status()));
    }
  }

  private int millisLeft() throws RdmaException {
    long left = deadlineNanos - provider.clock().nanoTime();
    if (left <= 0) {
      throw late();
    }
    return (int) Math.max(1, TimeUnit.NANOSECONDS.toMillis(left));
  }

  private RdmaException late() {
    return failure(
        RdmaException.Reason.UNREACHABLE,
        "no answer within %d ms".formatted(options.connectTimeoutMillis()),
        null);
  }

  private ConnectionEvent await(EventType wanted) throws RdmaException, InterruptedException {
    ConnectionEvent event = events.poll(millisLeft(), TimeUnit.MILLISECONDS);
    if (event == null) {
      throw late();
    }
    if (event.kind() == wanted) {
      return event;
    }
    if (event.kind() == EventType.RDMA_CM_EVENT_REJECTED) {
      throw rejected(event);
    }
    throw failure(
        RdmaException.Reason.UNREACHABLE,
        "%s (status %d)".formatted(event.kind(), event.status()),
        null);
  }

  private RdmaException rejected(ConnectionEvent event) {
    boolean iwarp = provider.device().iwarp();
    boolean nobody =
        iwarp
            ? !event.privateData().hasRemaining() && Math.abs(event.status()) == ECONNREFUSED
            : event.status() == REFUSED_NOBODY_LISTENS;
    if (nobody) {
      return failure(RdmaException.Reason.UNREACHABLE, "nobody listens there", null);
    }
    if (!iwarp && event.status() != REFUSED_BY_CONSUMER) {
      return failure(
          RdmaException.Reason.PROTOCOL,
          "the peer's connection manager refused, reason " + event.status(),
          null);
    }
    return new RdmaException(
        RdmaException.Reason.REFUSED,
        "connecting to %s: refused by the peer".formatted(peer),
        null,
        PrivateData.unwrap(iwarp, event.privateData()));
  }

  private RdmaException failure(RdmaException.Reason reason, String words, Throwable cause) {
    return new RdmaException(
        reason,
        "connecting to %s by %s: %s".formatted(peer, provider.device().name(), words),
        cause);
  }
}
