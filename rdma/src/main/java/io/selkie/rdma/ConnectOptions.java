package io.selkie.rdma;

import java.nio.ByteBuffer;

/**
 * How to connect.
 *
 * @param privateData sent with the request; read from position to limit, not consumed
 * @param sendQueueDepth most requests outstanding, 1 to 4096
 * @param readsOutstanding RDMA READs on the wire at a time (ORD), 1 to 4096
 * @param busyPollNanos how long a waiting thread spins before it blocks; 0 blocks at once, {@link
 *     Long#MAX_VALUE} never blocks
 * @param connectTimeoutMillis bound on the whole connection set-up
 */
public record ConnectOptions(
    ByteBuffer privateData,
    int sendQueueDepth,
    int readsOutstanding,
    long busyPollNanos,
    int connectTimeoutMillis) {}
