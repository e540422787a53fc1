package io.selkie.server;

import io.selkie.config.DelegationConfig;
import io.selkie.config.LayoutConfig;
import io.selkie.config.RdmaConfig;
import io.selkie.config.SelkieConfig;
import io.selkie.config.SessionConfig;
import io.selkie.config.WorkerConfig;
import io.selkie.layout.DelegationPolicy;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpLimits;
import io.selkie.server.compound.Workers;
import io.selkie.server.ops.attr.AttrSource.ServerAttributes;
import io.selkie.server.rpc.RpcLimits;
import io.selkie.server.session.SessionLimits;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** From the configuration to the limits of the parts, concluded once at start. Stateless. */
final class Limits {
  private static final int BUSY_DISK_MILLIS = 10_000;

  private static final int LOOPS_MAX = 8;
  private static final int WORKERS_MIN = 4;

  private Limits() {}

  /**
   * Of the NFS service.
   *
   * @param connectionsMax what there are descriptors for; sessions.maxConnections at most
   */
  static RpcLimits rpc(SessionConfig config, int connectionsMax) {
    RpcLimits rest = RpcLimits.DEFAULT;
    return new RpcLimits(
        config.maxRequestBytes(),
        config.maxResponseBytes(),
        config.maxPendingRequestsPerConnection(),
        rest.callsMax(),
        rest.outboundBytesHigh(),
        bufferBytes(config),
        connectionsMax,
        Duration.ofMillis(config.idleHandshakeMillis()),
        rest.unneededTimeout(),
        rest.recordTimeout(),
        rest.sendTimeout(),
        rest.deadPeerTimeout());
  }

  private static long bufferBytes(SessionConfig config) {
    return config.maxBufferBytes() > 0
        ? config.maxBufferBytes()
        : RpcLimits.bufferBytes(config.maxRequestBytes(), config.maxResponseBytes());
  }

  static SessionLimits sessions(SelkieConfig all) {
    SessionConfig config = all.sessions();
    SessionLimits rest = SessionLimits.DEFAULT;
    // A recall that is lost can be sent again twice before its deadline.
    Duration callback = Duration.ofMillis(Math.max(1, all.layout().recallTimeoutMillis() / 3));
    return new SessionLimits(
        Duration.ofSeconds(config.leaseSeconds()),
        Duration.ofSeconds(config.courtesySeconds()),
        config.courtesySeconds() == 0 ? 0 : config.maxCourteousClients(),
        config.maxClients(),
        config.maxClientsPerHost(),
        rest.unconfirmedMax(),
        rest.unconfirmedPerHostMax(),
        config.maxSessionsPerClient(),
        rest.connectionsPerSessionMax(),
        config.maxRequestBytes(),
        config.maxResponseBytes(),
        config.maxCachedResponseBytes(),
        config.maxOperationsPerCompound(),
        config.maxSlots(),
        rest.replyCacheBytesMax(),
        rest.callbackSlotsMax(),
        rest.callbacksPendingMax(),
        callback.compareTo(rest.callbackTimeout()) < 0 ? callback : rest.callbackTimeout());
  }

  static DelegationPolicy delegations(DelegationConfig config) {
    return new DelegationPolicy(
        config.enabled(),
        config.maxDelegations(),
        config.maxDelegationsPerClient(),
        TimeUnit.MILLISECONDS.toNanos(config.contentionMillis()),
        TimeUnit.MILLISECONDS.toNanos(config.attributesWaitMillis()));
  }

  static ServerAttributes attributes(SessionConfig config) {
    return new ServerAttributes(
        config.leaseSeconds(),
        config.maxResponseBytes() - RpcLimits.OVERHEAD_BYTES,
        config.maxRequestBytes() - RpcLimits.OVERHEAD_BYTES);
  }

  static Workers workers(WorkerConfig config) {
    int threads = config.threads() > 0 ? config.threads() : Math.max(WORKERS_MIN, 2 * processors());
    return new Workers(threads, Math.max(threads, config.queueLength()));
  }

  /**
   * How long an export that goes waits for those in it: they may wait for a recall and a fence, and
   * then for a disk that is busy.
   */
  static Duration patienceWithExports(LayoutConfig config) {
    return Duration.ofMillis(
        (long) config.recallTimeoutMillis() + config.fenceBudgetMillis() + BUSY_DISK_MILLIS);
  }

  static int networkThreads(SelkieConfig config) {
    int threads = config.workers().networkThreads();
    return threads > 0 ? threads : Math.min(LOOPS_MAX, processors());
  }

  static IwarpConfig iwarp(RdmaConfig config) {
    IwarpLimits rest = IwarpLimits.DEFAULTS;
    IwarpLimits limits =
        rest.withPeers(config.maxQueuePairs(), config.maxReadsPerQueuePair())
            .withTimes(
                config.handshakeTimeoutMillis(), rest.lingerMillis(), rest.idleTimeoutMillis());
    int threads = config.threads() > 0 ? config.threads() : Math.min(LOOPS_MAX, processors());
    return IwarpConfig.DEFAULTS.withLimits(limits).withEventLoops(threads, 0);
  }

  static int processors() {
    return Runtime.getRuntime().availableProcessors();
  }
}
