package io.selkie.client.session;

import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.EventLoopGroup;
import io.selkie.client.ClientCounters;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.protocol.rpc.AuthSys;
import java.net.InetSocketAddress;
import java.util.concurrent.Executor;
import java.util.random.RandomGenerator;

/**
 * What a session needs to live.
 *
 * @param server where to connect; resolved
 * @param group the client's event loop
 * @param allocator buffers of calls
 * @param connectTimeoutMillis bound on a TCP connection
 * @param callTimeoutMillis a call unanswered for so long breaks its connection
 * @param operationTimeoutMillis default bound on an operation with its retries
 * @param transferBytes data of the largest READ or WRITE
 * @param slots requests in flight wanted
 * @param owner co_ownerid
 * @param credential AUTH_SYS
 * @param machineName AUTH_SYS's machine name
 * @param clock monotonic time
 * @param timers for pauses and lease renewal
 * @param random verifiers and transaction ids
 * @param workers runs what must not run on the event loop
 * @param counters where to count
 */
public record SessionSettings(
    InetSocketAddress server,
    EventLoopGroup group,
    ByteBufAllocator allocator,
    int connectTimeoutMillis,
    int callTimeoutMillis,
    int operationTimeoutMillis,
    int transferBytes,
    int slots,
    String owner,
    AuthSys credential,
    String machineName,
    NanoClock clock,
    Timers timers,
    RandomGenerator random,
    Executor workers,
    ClientCounters counters) {}
