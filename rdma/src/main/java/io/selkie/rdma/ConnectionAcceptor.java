package io.selkie.rdma;

import java.nio.ByteBuffer;

/** Decides on incoming connections. Called on a provider thread: must not block. */
@FunctionalInterface
public interface ConnectionAcceptor {

  /**
   * Decides.
   *
   * @param request the request; valid until this returns
   * @return the decision
   */
  Decision onRequest(ConnectionRequest request);

  /** A connection request as it arrived. */
  interface ConnectionRequest {
    /** The peer's private data, read only, from position 0; at most 512 bytes. */
    ByteBuffer privateData();

    /** The peer's address for logs. */
    String remoteAddress();
  }

  /** What to do with a request. */
  sealed interface Decision {}

  /**
   * Accept into a domain.
   *
   * @param domain the protection domain of the new queue pair
   * @param privateData sent with the answer
   * @param listener told about the queue pair's life; see there for threading
   * @param peerSpins whether the peer waits for its completions by spinning: a provider may then
   *     spin for this queue pair too, for a bounded time after each request
   */
  record Accept(
      ProtectionDomain domain,
      ByteBuffer privateData,
      QueuePairListener listener,
      boolean peerSpins)
      implements Decision {

    /** For a peer that sleeps while it waits. */
    public Accept(ProtectionDomain domain, ByteBuffer privateData, QueuePairListener listener) {
      this(domain, privateData, listener, false);
    }
  }

  /**
   * Refuse.
   *
   * @param privateData sent with the refusal
   */
  record Refuse(ByteBuffer privateData) implements Decision {}
}
