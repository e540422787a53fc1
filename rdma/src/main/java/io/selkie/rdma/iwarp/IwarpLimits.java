package io.selkie.rdma.iwarp;

/**
 * Every bound of the {@code iwarp} provider in one place, concluded once at start.
 *
 * <p>What a peer can make us hold is at most {@code maxConnections × (receiveBufferBytes +
 * queuedBytesMax + maxMessageBytes + a few hundred bytes for each inbound read)}.
 *
 * @param maxConnections queue pairs and connections in set-up on the passive side; one more is
 *     closed at once
 * @param maxRegions live registrations of the whole provider
 * @param maxInboundReads RDMA READ requests a peer may have outstanding with us (IRD), 1 to 4096;
 *     one more ends the queue pair
 * @param maxMessageBytes longest Send we take; a longer one ends the queue pair
 * @param maxFpduPayloadBytes payload of one FPDU we send, 512 to 65,480; within MPA's 16-bit length
 *     with every header and marker
 * @param receiveBufferBytes buffer a connection receives into; at least 128 KiB, so that a longest
 *     FPDU fits behind what is left of another
 * @param sendChunkBytes buffer outgoing FPDUs are assembled in, handed to the socket in one call
 * @param queuedBytesMax outgoing bytes assembled ahead of the socket for one connection
 * @param pooledBuffersMax idle buffers of each kind an event loop keeps for its connections
 * @param handshakeTimeoutMillis bound on the time between the accept of a connection and its whole
 *     MPA request (and the ready-to-receive FPDU when one was agreed on)
 * @param lingerMillis how long an ended connection waits for its last bytes to leave and for the
 *     peer to close, before it is reset
 * @param idleTimeoutMillis bound on the silence of a peer whose acknowledgements are due (TCP user
 *     timeout) and period of keep-alive probes; 0 leaves the system's defaults
 * @param retiredKeysMax keys of invalidated regions that are kept from being given out again
 * @param listenBacklog connections the kernel queues for a listener
 */
public record IwarpLimits(
    int maxConnections,
    int maxRegions,
    int maxInboundReads,
    int maxMessageBytes,
    int maxFpduPayloadBytes,
    int receiveBufferBytes,
    int sendChunkBytes,
    int queuedBytesMax,
    int pooledBuffersMax,
    int handshakeTimeoutMillis,
    int lingerMillis,
    int idleTimeoutMillis,
    int retiredKeysMax,
    int listenBacklog) {

  /** What the provider uses unless told otherwise. */
  public static final IwarpLimits DEFAULTS =
      new IwarpLimits(
          1024, 1 << 20, 256, 4096, 32 << 10, 256 << 10, 132 << 10, 264 << 10, 64, 10_000, 2_000,
          60_000, 4096, 256);

  /** Checks every bound. */
  public IwarpLimits {
    within("maxConnections", maxConnections, 1, 1 << 20);
    within("maxRegions", maxRegions, 1, 1 << 28);
    within("maxInboundReads", maxInboundReads, 1, 4096);
    within("maxMessageBytes", maxMessageBytes, 0, 1 << 20);
    within("maxFpduPayloadBytes", maxFpduPayloadBytes, 512, 65_480);
    within("receiveBufferBytes", receiveBufferBytes, 128 << 10, 64 << 20);
    within(
        "sendChunkBytes", sendChunkBytes, Fpdu.marked(maxFpduPayloadBytes + 64) + 1024, 64 << 20);
    within("queuedBytesMax", queuedBytesMax, sendChunkBytes, 1 << 30);
    within("pooledBuffersMax", pooledBuffersMax, 0, 1 << 16);
    within("handshakeTimeoutMillis", handshakeTimeoutMillis, 1, 3_600_000);
    within("lingerMillis", lingerMillis, 1, 3_600_000);
    within("idleTimeoutMillis", idleTimeoutMillis, 0, 86_400_000);
    within("retiredKeysMax", retiredKeysMax, 1, 1 << 24);
    within("listenBacklog", listenBacklog, 1, 1 << 16);
  }

  private static void within(String name, int value, int least, int most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          "iwarp limit %s is %d; it must be between %d and %d".formatted(name, value, least, most));
    }
  }

  /** These limits with another payload of an FPDU. */
  public IwarpLimits withMaxFpduPayloadBytes(int bytes) {
    return new IwarpLimits(
        maxConnections,
        maxRegions,
        maxInboundReads,
        maxMessageBytes,
        bytes,
        receiveBufferBytes,
        Math.max(sendChunkBytes, Fpdu.marked(bytes + 64) + 1024),
        Math.max(queuedBytesMax, 2 * (Fpdu.marked(bytes + 64) + 1024)),
        pooledBuffersMax,
        handshakeTimeoutMillis,
        lingerMillis,
        idleTimeoutMillis,
        retiredKeysMax,
        listenBacklog);
  }

  /** These limits with other bounds on connections and inbound reads. */
  public IwarpLimits withPeers(int connections, int inboundReads) {
    return new IwarpLimits(
        connections,
        maxRegions,
        inboundReads,
        maxMessageBytes,
        maxFpduPayloadBytes,
        receiveBufferBytes,
        sendChunkBytes,
        queuedBytesMax,
        pooledBuffersMax,
        handshakeTimeoutMillis,
        lingerMillis,
        idleTimeoutMillis,
        retiredKeysMax,
        listenBacklog);
  }

  /** These limits with other times, in milliseconds. */
  public IwarpLimits withTimes(int handshakeMillis, int lingeringMillis, int idleMillis) {
    return new IwarpLimits(
        maxConnections,
        maxRegions,
        maxInboundReads,
        maxMessageBytes,
        maxFpduPayloadBytes,
        receiveBufferBytes,
        sendChunkBytes,
        queuedBytesMax,
        pooledBuffersMax,
        handshakeMillis,
        lingeringMillis,
        idleMillis,
        retiredKeysMax,
        listenBacklog);
  }
}
