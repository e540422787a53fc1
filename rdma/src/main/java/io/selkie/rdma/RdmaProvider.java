package io.selkie.rdma;

import java.net.InetSocketAddress;
import java.util.Set;

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

  /** Where a device does less than it should. */
  enum Shortcoming {
    /**
     * It does not say that an access was refused. The request ends as {@link
     * WorkStatus#CONNECTION_LOST}, the queue pair as if the peer had closed it, on both sides.
     */
    REFUSALS_UNTOLD,
    /**
     * It does not say which key a message took back: {@link QueuePairListener#onMessage} tells
     * none, and the region's {@link MemoryRegion#isValid} still says yes, though no peer reaches
     * it.
     */
    KEYS_TAKEN_BACK_UNTOLD,
    /**
     * Peers that know the key of a region of their domain can read it whatever its rights. Memory
     * to be written only is therefore not registered; that for local use has a key that no peer is
     * told.
     */
    READ_RIGHT_UNCHECKED,
    /**
     * The answer to a READ that is under way when a key is taken back goes on to its end, from
     * memory that stays pinned until then; its reader may see what the owner writes there meanwhile
     * and nothing else. No octet of a WRITE lands: that is waited for.
     */
    READS_OUTLAST_KEYS
  }

  /** Where the device here does less than it should; mostly nowhere. */
  default Set<Shortcoming> shortcomings() {
    return Set.of();
  }

  /**
   * Whether there is RDMA FLUSH: memory that is storage can be registered with {@link
   * RemoteAccess#FLUSH}, and queue pairs have {@link QueuePair#postFlush}. Whether a peer may use
   * it for durability of whatever it writes is said by {@link RdmaCapabilities#flush()}.
   */
  default boolean hasFlush() {
    return false;
  }

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
