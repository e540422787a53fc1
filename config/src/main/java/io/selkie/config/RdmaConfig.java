package io.selkie.config;

import java.util.Optional;

/**
 * One-sided access.
 *
 * @param provider who does it
 * @param listen where queue pairs connect
 * @param advertisedHost the address that clients are told (GETDEVICEINFO); when not given, the one
 *     of {@code listen}, and where that is a wildcard the one that the client's NFS connection
 *     arrived at
 * @param maxQueuePairs queue pairs of all clients together
 * @param maxQueuePairsPerClient queue pairs of one client
 * @param maxReadsPerQueuePair RDMA READs that a peer may have in flight on a queue pair
 * @param handshakeTimeoutMillis bound on the set-up of a connection
 * @param maxPinnedBytes memory of files that may be pinned for an RDMA device at a time; what goes
 *     beyond is reached by iwarp, or not at all where that is off
 * @param threads event loops of the provider; 0 chooses by the number of processors
 */
public record RdmaConfig(
    @Setting("iwarp") Provider provider,
    @Setting("127.0.0.1:20049") HostPort listen,
    @Setting(value = Setting.NOTHING, min = 1, max = 255) Optional<String> advertisedHost,
    @Setting(value = "1024", min = 1, max = 1_000_000) int maxQueuePairs,
    @Setting(value = "64", min = 1, max = 65_536) int maxQueuePairsPerClient,
    @Setting(value = "256", min = 1, max = 4096) int maxReadsPerQueuePair,
    @Setting(value = "5000", min = 100, max = 60_000) int handshakeTimeoutMillis,
    @Setting(value = "1073741824", min = 0, max = Long.MAX_VALUE) long maxPinnedBytes,
    @Setting(value = "0", min = 0, max = 1024) int threads) {

  /** Who does the one-sided access. */
  public enum Provider {
    /** Software iWARP over TCP: every machine, every file system. */
    IWARP,
    /** An RDMA device of this machine, and nothing else. */
    VERBS,
    /** An RDMA device for what it has been proven to reach, software iWARP for all else. */
    AUTO,
    /** No one-sided access and no layouts: a plain NFS server. */
    OFF
  }
}
