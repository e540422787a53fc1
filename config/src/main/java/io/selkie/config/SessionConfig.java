package io.selkie.config;

/**
 * Clients, sessions and their connections; what a client asks beyond these is negotiated down or
 * refused.
 *
 * @param leaseSeconds a client not heard of for so long has expired
 * @param graceSeconds how long after a restart clients may reclaim what they held, if any did
 * @param courtesySeconds how long a client whose lease is over keeps opens and locks that nobody
 *     else wants; 0 for not at all
 * @param maxCourteousClients how many such clients there may be
 * @param maxClients client ids
 * @param maxClientsPerHost client ids of one network address
 * @param maxSessionsPerClient sessions of one client id
 * @param maxConnections NFS connections of all clients together
 * @param maxSlots slots of a session's fore channel
 * @param maxOperationsPerCompound operations in a COMPOUND
 * @param maxRequestBytes longest request, RPC header included
 * @param maxResponseBytes longest reply, RPC header included
 * @param maxCachedResponseBytes longest reply kept for a retry, in each slot
 * @param maxPendingRequestsPerConnection requests read ahead of their answers; then reading stops
 * @param maxBufferBytes bytes of requests and replies in the buffers of all connections together; 0
 *     is half of the JVM's direct memory
 * @param idleHandshakeMillis a connection that has said nothing valid for so long is closed
 * @param maxOpens opens of all clients together
 * @param maxOpensPerClient opens of one client
 * @param maxLocks byte ranges locked by all clients together
 * @param maxLocksPerClient byte ranges locked by one client
 */
public record SessionConfig(
    @Setting(value = "90", min = 1, max = 3600) int leaseSeconds,
    @Setting(value = "90", min = 1, max = 3600) int graceSeconds,
    @Setting(value = "86400", min = 0, max = 2_592_000) int courtesySeconds,
    @Setting(value = "1024", min = 1, max = 1_000_000) int maxCourteousClients,
    @Setting(value = "8192", min = 1, max = 1_000_000) int maxClients,
    @Setting(value = "2048", min = 1, max = 1_000_000) int maxClientsPerHost,
    @Setting(value = "16", min = 1, max = 1024) int maxSessionsPerClient,
    @Setting(value = "8192", min = 1, max = 1_000_000) int maxConnections,
    @Setting(value = "64", min = 1, max = 4096) int maxSlots,
    @Setting(value = "64", min = 2, max = 4096) int maxOperationsPerCompound,
    @Setting(value = "1056768", min = 16384, max = 67_108_864) int maxRequestBytes,
    @Setting(value = "1056768", min = 16384, max = 67_108_864) int maxResponseBytes,
    @Setting(value = "4096", min = 512, max = 1_048_576) int maxCachedResponseBytes,
    @Setting(value = "64", min = 1, max = 4096) int maxPendingRequestsPerConnection,
    @Setting(value = "0", min = 0, max = Long.MAX_VALUE) long maxBufferBytes,
    @Setting(value = "30000", min = 100, max = 3_600_000) int idleHandshakeMillis,
    @Setting(value = "200000", min = 1, max = 10_000_000) int maxOpens,
    @Setting(value = "12288", min = 1, max = 10_000_000) int maxOpensPerClient,
    @Setting(value = "200000", min = 1, max = 10_000_000) int maxLocks,
    @Setting(value = "50000", min = 1, max = 10_000_000) int maxLocksPerClient) {}
