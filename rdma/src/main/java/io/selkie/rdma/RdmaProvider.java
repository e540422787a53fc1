package io.selkie.rdma;

import java.net.InetSocketAddress;

/**
 * One way to do one-sided access: the pure-Java {@code iwarp} provider or {@code verbs} on DiSNI.
 *
 * <p>The shape is that of verbs, because the narrower of two peers sets the interface: memory is
 * registered in a protection domain, a queue pair belongs to exactly one domain, a completion queue
 * is polled by the thread that waits. Whatever a provider cannot do is said in {@link
 * #capabilities()}, never found out by an access that silently lands elsewhere.
 *
 * <p><b>Threading.</b> Providers, domains and regions are safe for use by several threads. Queue
 * pairs say what they allow.
 */
public interface RdmaProvider extends AutoCloseable {

  /** Short name used in configuration, logs and metrics: {@code iwarp} or {@code verbs}. */
  String name();

  /** What this provider can do on this machine. */
  RdmaCapabilities capabilities();

  /**
   * A new protection domain. A key registered in one is useless on a queue pair of another.
   *
   * @param owner for logs only, at most 128 characters
   */
  ProtectionDomain allocateProtectionDomain(String owner);

  /**
   * Listens for connections.
   *
   * @param address where to listen; port 0 lets the system choose
   * @param acceptor decides on each request; see there for threading
   */
  RdmaListener listen(InetSocketAddress address, ConnectionAcceptor acceptor)
      throws RdmaException, InterruptedException;

  /**
   * Connects, blocking until the peer has accepted or refused. Sends of the peer have nowhere to go
   * on such a queue pair: one that comes ends it.
   *
   * @throws RdmaException with {@link RdmaException.Reason#REFUSED} and the peer's private data
   *     when the peer said no
   */
  default QueuePair connect(InetSocketAddress peer, ProtectionDomain domain, ConnectOptions options)
      throws RdmaException, InterruptedException {
    return connect(peer, domain, options, null);
  }

  /**
   * Connects, blocking until the peer has accepted or refused.
   *
   * @param listener told of the peer's Sends and of the end, on the thread that polls, awaits or
   *     closes; {@link QueuePairListener#onEstablished} is not called, because this method returns
   *     the queue pair. Null for none
   * @throws RdmaException with {@link RdmaException.Reason#REFUSED} and the peer's private data
   *     when the peer said no
   */
  QueuePair connect(
      InetSocketAddress peer,
      ProtectionDomain domain,
      ConnectOptions options,
      QueuePairListener listener)
      throws RdmaException, InterruptedException;

  /** Closes listeners, queue pairs and domains that are still open. Idempotent. */
  @Override
  void close();
}
