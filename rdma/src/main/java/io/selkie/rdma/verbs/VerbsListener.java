package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.RdmaCmEvent;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.impl.NatCmaIdPrivate;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.ConnectionAcceptor.Accept;
import io.selkie.rdma.ConnectionAcceptor.Refuse;
import io.selkie.rdma.RdmaListener;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A listening id; its requests are decided on the provider's loop. */
final class VerbsListener implements RdmaListener {

  private static final Logger LOG = LoggerFactory.getLogger(VerbsListener.class);

  private final VerbsProvider provider;
  private final ConnectionAcceptor acceptor;
  private final AtomicBoolean closed = new AtomicBoolean();
  private RdmaCmId id;
  private InetSocketAddress address;

  private VerbsListener(VerbsProvider provider, ConnectionAcceptor acceptor) {
    this.provider = provider;
    this.acceptor = acceptor;
  }

  static VerbsListener open(
      VerbsProvider provider, InetSocketAddress wanted, int backlog, ConnectionAcceptor acceptor)
      throws IOException, InterruptedException {
    VerbsListener listener = new VerbsListener(provider, acceptor);
    RdmaCmId id = provider.loop().createId(listener::onEvent);
    boolean done = false;
    try {
      id.bindAddr(wanted);
      listener.id = id;
      listener.address = (InetSocketAddress) id.getSource();
      id.listen(backlog);
      done = true;
      return listener;
    } finally {
      if (!done) {
        provider.loop().destroy(id);
      }
    }
  }

  @Override
  public InetSocketAddress address() {
    return address;
  }

  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    provider.forget(this);
    try {
      // Waited for: when this returns, the address is free.
      provider
          .loop()
          .call(() -> {
            provider.loop().destroyAtOnce(id);
            return null;
          });
    } catch (IOException e) {
      LOG.debug("the listener on {} went with its provider", address, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  // ---- on the loop ----

  private void onEvent(ConnectionEvent event) {
    if (event.kind() == RdmaCmEvent.EventType.RDMA_CM_EVENT_CONNECT_REQUEST) {
      decide(event);
    } else {
      LOG.warn("listener on {}: {} (status {})", address, event.kind(), event.status());
    }
  }

  private void decide(ConnectionEvent event) {
    RdmaCmId request = event.id();
    boolean iwarp = provider.device().iwarp();
    String peer = "an unknown peer";
    try {
      peer = String.valueOf(request.getDestination());
      if (!provider.device().is(request.getVerbs())) {
        LOG.warn("{} came by another device than {}: refused", peer, provider.device().name());
        refuse(request, new byte[0]);
        return;
      }
      ByteBuffer data = PrivateData.unwrap(iwarp, event.privateData());
      switch (acceptor.onRequest(new Request(data.duplicate(), peer))) {
        case Refuse refusal ->
            refuse(request, PrivateData.wrapRefusal(iwarp, refusal.privateData()));
        case Accept accept -> accept(event, accept, data, peer);
      }
    } catch (IOException | RuntimeException e) {
      LOG.warn("a connection of {} could not be decided on, and is refused", peer, e);
      refuse(request, new byte[0]);
    }
  }

  private record Request(ByteBuffer privateData, String remoteAddress)
      implements ConnectionAcceptor.ConnectionRequest {}

  private void refuse(RdmaCmId request, byte[] data) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = copy(arena, data);
      NativeVerbs.reject(addressOf(request), bytes.address(), data.length);
    } catch (IOException e) {
      LOG.debug("a refusal could not be sent: {}", e.getMessage());
    }
    provider.loop().destroyAtOnce(request);
  }

  private void accept(ConnectionEvent event, Accept accept, ByteBuffer requestData, String peer)
      throws IOException {
    RdmaCmId request = event.id();
    if (!(accept.domain() instanceof VerbsDomain domain) || domain.provider() != provider) {
      throw new IllegalArgumentException(accept.domain() + " is not of this provider");
    }
    int most = PrivateData.bytesMax(provider.device().iwarp());
    if (accept.privateData().remaining() > most) {
      throw new IllegalArgumentException(
          "private data of an answer has %d octets; %d are allowed"
              .formatted(accept.privateData().remaining(), most));
    }
    if (!provider.hasRoom() || !domain.hold()) {
      LOG.warn("{} is refused: too many queue pairs, or its domain is closed", peer);
      refuse(request, new byte[0]);
      return;
    }
    VerbsQueuePair pair;
    boolean made = false;
    try {
      VerbsHandles handles =
          VerbsHandles.make(provider, domain, request, VerbsProvider.PASSIVE_DEPTH, true);
      pair = new VerbsQueuePair(domain, request, handles, true, accept.listener(), 0, peer);
      provider.loop().onReceive(handles.receives().queue(), pair::onReceive);
      made = true;
    } finally {
      if (!made) {
        domain.letGo();
      }
    }
    provider.add(pair);
    provider.loop().handle(request, later -> onPairEvent(pair, requestData, later));
    if (!domain.join(pair)) {
      pair.abort(domain + " was closed meanwhile");
      return;
    }
    byte[] data = PrivateData.wrap(provider.device().iwarp(), accept.privateData());
    try (Arena arena = Arena.ofConfined()) {
      NativeVerbs.accept(
          addressOf(request),
          Math.min(event.initiatorDepth(), provider.device().maxReadsAsInitiator()),
          Math.min(
              Math.min(event.responderResources(), provider.config().maxInboundReads()),
              provider.device().maxReadsAsResponder()),
          copy(arena, data).address(),
          data.length);
    } catch (IOException e) {
      LOG.warn("the connection of {} could not be accepted", peer, e);
      pair.onTrouble(e.getMessage());
    }
  }

  private static void onPairEvent(
      VerbsQueuePair pair, ByteBuffer requestData, ConnectionEvent event) {
    switch (event.kind()) {
      case RDMA_CM_EVENT_ESTABLISHED -> pair.established(requestData);
      case RDMA_CM_EVENT_DISCONNECTED -> pair.onDisconnected();
      case RDMA_CM_EVENT_TIMEWAIT_EXIT, RDMA_CM_EVENT_ADDR_CHANGE -> {}
      default -> pair.onTrouble("%s (status %d)".formatted(event.kind(), event.status()));
    }
  }

  static MemorySegment copy(Arena arena, byte[] data) {
    MemorySegment copy = arena.allocate(Math.max(1, data.length));
    MemorySegment.copy(MemorySegment.ofArray(data), 0, copy, 0, data.length);
    return copy;
  }

  static long addressOf(RdmaCmId id) {
    return ((NatCmaIdPrivate) id).getObjId();
  }
}
