package io.selkie.test.siw;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaListener;
import io.selkie.rdma.RemoteAccess;
import io.selkie.rdma.WorkStatus;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * Our own provider as a peer: one domain, as initiator and as listener, and what happened to it.
 */
final class JavaPeer implements AutoCloseable, QueuePairListener {

  /** A Send that came. */
  record Message(ByteBuffer octets, int invalidatedKey) {}

  /** A registered part of memory. */
  record Region(MemorySegment memory, MemoryRegion registration) {
    int key() {
      return registration.key();
    }

    long address() {
      return registration.remoteAddress();
    }
  }

  private record Completion(long id, WorkStatus status) {}

  private final IwarpProvider provider;
  private final ProtectionDomain domain;
  private final Arena arena = Arena.ofShared();
  private final BlockingQueue<QueuePair> established = new LinkedBlockingQueue<>();
  private final BlockingQueue<Message> messages = new LinkedBlockingQueue<>();
  private final BlockingQueue<Completion> completions = new LinkedBlockingQueue<>();
  private final BlockingQueue<DisconnectCause> ends = new LinkedBlockingQueue<>();
  private final BlockingQueue<ByteBuffer> requests = new LinkedBlockingQueue<>();
  private RdmaListener listener;

  JavaPeer(IwarpConfig config) {
    provider = new IwarpProvider(config.withEventLoops(1, 0));
    domain = provider.allocateProtectionDomain("the kernel");
  }

  IwarpProvider provider() {
    return provider;
  }

  Region register(int bytes, RemoteAccess... access) throws RdmaException {
    return register(domain, bytes, access);
  }

  /** One in a domain that no connection of this peer is in. */
  Region registerElsewhere(int bytes, RemoteAccess... access) throws RdmaException {
    return register(provider.allocateProtectionDomain("somebody else"), bytes, access);
  }

  private Region register(ProtectionDomain owner, int bytes, RemoteAccess... access)
      throws RdmaException {
    MemorySegment memory = arena.allocate(bytes, 4096);
    return new Region(memory, owner.register(memory, Set.of(access)));
  }

  /** Listens on the loopback; the port. */
  int listen(byte[] answer, boolean refuses) throws RdmaException, InterruptedException {
    listener =
        provider.listen(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            request -> {
              byte[] said = new byte[request.privateData().remaining()];
              request.privateData().get(said);
              requests.add(ByteBuffer.wrap(said));
              ByteBuffer data = ByteBuffer.wrap(answer);
              return refuses
                  ? new ConnectionAcceptor.Refuse(data)
                  : new ConnectionAcceptor.Accept(domain, data, this);
            });
    return listener.address().getPort();
  }

  QueuePair connect(String address, int port, byte[] privateData)
      throws RdmaException, InterruptedException {
    return driven(
        provider.connect(
            new InetSocketAddress(address, port),
            domain,
            new ConnectOptions(ByteBuffer.wrap(privateData), 64, 8, 0, KernelPeer.MILLIS),
            this));
  }

  QueuePair awaitEstablished() throws InterruptedException {
    return driven(taken(established, "a connection"));
  }

  /** Private data of the next request. */
  ByteBuffer awaitRequest() throws InterruptedException {
    return taken(requests, "a request");
  }

  /** The next Send. */
  Message awaitMessage() throws InterruptedException {
    return taken(messages, "a message");
  }

  /** Why the connection ended. */
  DisconnectCause awaitEnd() throws InterruptedException {
    return taken(ends, "the end of the connection");
  }

  /** How the next request ended, which must be this one. */
  WorkStatus completion(long id) throws InterruptedException {
    Completion next = taken(completions, "a completion");
    assertThat(next.id).as("identifier of %s", next).isEqualTo(id);
    return next.status;
  }

  /**
   * Comes through to a kernel that accepts: it answers before it listens to what comes next, misses
   * what came too early, and looks again only when something more comes. So it is asked for nothing
   * again and again until it answers.
   */
  void knock(QueuePair pair) throws RdmaException, InterruptedException {
    Region region = register(1);
    MemorySegment nothing = region.memory().asSlice(0, 0);
    int asked = 0;
    Completion first = null;
    while (first == null && asked < KernelPeer.MILLIS / 1000) {
      pair.postRead(region.registration(), nothing, 0, 0, asked++);
      first = completions.poll(1000, MILLISECONDS);
    }
    assertThat(first).isEqualTo(new Completion(0, WorkStatus.SUCCESS));
    for (int id = 1; id < asked; id++) {
      assertThat(completion(id)).isEqualTo(WorkStatus.SUCCESS);
    }
  }

  private static <T> T taken(BlockingQueue<T> queue, String what) throws InterruptedException {
    T taken = queue.poll(KernelPeer.MILLIS, MILLISECONDS);
    assertThat(taken).as(what).isNotNull();
    return taken;
  }

  /** Threads move an active queue pair only while they wait on it, so one always does. */
  private QueuePair driven(QueuePair pair) {
    Thread.ofPlatform().name("drives " + pair).daemon().start(() -> drive(pair));
    return pair;
  }

  private void drive(QueuePair pair) {
    try {
      int given = 1;
      while (pair.isUp() || given > 0) {
        given =
            pair.completions()
                .await(
                    (id, status) -> completions.add(new Completion(id, status)),
                    16,
                    MILLISECONDS.toNanos(1000));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void onEstablished(QueuePair queuePair) {
    established.add(queuePair);
  }

  @Override
  public void onMessage(ByteBuffer message, int invalidatedKey) {
    byte[] octets = new byte[message.remaining()];
    message.get(octets);
    messages.add(new Message(ByteBuffer.wrap(octets), invalidatedKey));
  }

  @Override
  public void onClosed(DisconnectCause cause) {
    ends.add(cause);
  }

  @Override
  public void close() {
    provider.close();
    arena.close();
  }
}
