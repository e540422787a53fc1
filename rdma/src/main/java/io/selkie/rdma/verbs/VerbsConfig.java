package io.selkie.rdma.verbs;

import java.net.InetAddress;
import java.util.Optional;

/**
 * How the {@code verbs} provider behaves.
 *
 * @param address an IPv4 address of this machine that belongs to the RDMA device to be used; empty
 *     takes the first device that any address of this machine belongs to
 * @param maxQueuePairs queue pairs and connections in set-up; one more is refused
 * @param maxMessageBytes longest Send we take; a longer one ends the queue pair
 * @param receiveBuffers Sends of a peer that may wait until they are handed on; further ones wait
 *     at the peer
 * @param maxInboundReads RDMA READs that a peer may have outstanding with us; at most what the
 *     device allows
 * @param lingerMillis how long what is left of a queue pair that a peer broke waits for the peer's
 *     good-bye
 * @param releaseThreads threads that wait for the device to let go of memory and queue pairs
 */
public record VerbsConfig(
    Optional<InetAddress> address,
    int maxQueuePairs,
    int maxMessageBytes,
    int receiveBuffers,
    int maxInboundReads,
    int lingerMillis,
    int releaseThreads) {

  /** What the provider uses unless told otherwise. */
  public static final VerbsConfig DEFAULTS =
      new VerbsConfig(Optional.empty(), 1024, 4096, 16, 128, 30_000, 8);

  /** Checks the values. */
  public VerbsConfig {
    within("maxQueuePairs", maxQueuePairs, 1, 1 << 20);
    within("maxMessageBytes", maxMessageBytes, 1, 1 << 20);
    within("receiveBuffers", receiveBuffers, 1, 4096);
    within("maxInboundReads", maxInboundReads, 1, 255);
    within("lingerMillis", lingerMillis, 1, 3_600_000);
    within("releaseThreads", releaseThreads, 1, 256);
  }

  private static void within(String name, int value, int least, int most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          "verbs limit %s is %d; it must be between %d and %d".formatted(name, value, least, most));
    }
  }

  /** The same on the device that an address of this machine belongs to. */
  public VerbsConfig withAddress(InetAddress other) {
    return new VerbsConfig(
        Optional.of(other),
        maxQueuePairs,
        maxMessageBytes,
        receiveBuffers,
        maxInboundReads,
        lingerMillis,
        releaseThreads);
  }
}
