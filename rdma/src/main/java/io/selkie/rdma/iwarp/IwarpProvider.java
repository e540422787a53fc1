package io.selkie.rdma.iwarp;

import io.selkie.config.time.NanoClock;
import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.RdmaCapabilities;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaListener;
import io.selkie.rdma.RdmaProvider;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.random.RandomGenerator;

/**
 * One-sided access over TCP in pure Java: MPA (RFC 5044, RFC 6581), DDP (RFC 5041) and RDMAP (RFC
 * 5040). See the package's description for how it works.
 *
 * <p>The passive side's threads start with the first {@link #listen}; a provider that only connects
 * has none.
 */
public final class IwarpProvider implements RdmaProvider {

  private final IwarpConfig config;
  private final NanoClock clock;
  private final IwarpStatistics statistics = new IwarpStatistics();
  private final RegionTable regions;
  private final Set<IwarpDomain> domains = ConcurrentHashMap.newKeySet();
  private final Set<CallerQueuePair> activePairs = ConcurrentHashMap.newKeySet();
  private final Thread anotherThread = Thread.ofPlatform().unstarted(() -> {});
  private NettyDriver driver;
  private boolean closed;

  /** With the system's clock and unpredictable keys. */
  public IwarpProvider(IwarpConfig config) {
    this(config, NanoClock.system(), new SecureRandom());
  }

  /**
   * @param clock for time-outs and spinning
   * @param random where keys come from; whoever can foresee it can forge keys
   */
  public IwarpProvider(IwarpConfig config, NanoClock clock, RandomGenerator random) {
    this.config = config;
    this.clock = clock;
    regions =
        new RegionTable(config.limits().maxRegions(), config.limits().retiredKeysMax(), random);
  }

  @Override
  public String name() {
    return "iwarp";
  }

  @Override
  public RdmaCapabilities capabilities() {
    return new RdmaCapabilities(
        Long.MAX_VALUE,
        MpaFrame.consumerBytesMax(config.mpaRevision() >= 2),
        false,
        false,
        true,
        true);
  }

  /** Counters of everything this provider does. */
  public IwarpStatistics statistics() {
    return statistics;
  }

  /** What it was made with. */
  public IwarpConfig config() {
    return config;
  }

  @Override
  public ProtectionDomain allocateProtectionDomain(String owner) {
    IwarpDomain domain = new IwarpDomain(this, owner, regions, statistics);
    domains.add(domain);
    return domain;
  }

  @Override
  public RdmaListener listen(InetSocketAddress address, ConnectionAcceptor acceptor)
      throws RdmaException, InterruptedException {
    return driver().listen(address, acceptor);
  }

  private synchronized NettyDriver driver() throws RdmaException {
    failIfClosed();
    if (driver == null) {
      driver = new NettyDriver(config, statistics, regions, clock);
    }
    return driver;
  }

  private void failIfClosed() throws RdmaException {
    if (closed) {
      throw new RdmaException(RdmaException.Reason.CLOSED, "the iwarp provider is closed", null);
    }
  }

  @Override
  public QueuePair connect(
      InetSocketAddress peer,
      ProtectionDomain domain,
      ConnectOptions options,
      QueuePairListener listener)
      throws RdmaException, InterruptedException {
    synchronized (this) {
      failIfClosed();
    }
    if (!(domain instanceof IwarpDomain owner)) {
      throw new IllegalArgumentException(domain + " is not of this provider");
    }
    CallerQueuePair pair = new Connector(this, peer, owner, options, listener).connect();
    activePairs.add(pair);
    statistics.add(IwarpStatistics.Counter.LIVE_QUEUE_PAIRS, 1);
    boolean tooLate;
    synchronized (this) {
      tooLate = closed;
    }
    if (!owner.join(pair) || tooLate) {
      pair.abort("the provider or " + owner + " was closed meanwhile");
      throw new RdmaException(
          RdmaException.Reason.CLOSED,
          "connecting to %s: the provider or %s was closed meanwhile".formatted(peer, owner),
          null);
    }
    return pair;
  }

  /** An established active queue pair is gone. */
  void forget(CallerQueuePair pair) {
    if (activePairs.remove(pair)) {
      statistics.add(IwarpStatistics.Counter.LIVE_QUEUE_PAIRS, -1);
    }
  }

  void forget(IwarpDomain domain) {
    domains.remove(domain);
  }

  RegionTable regions() {
    return regions;
  }

  NanoClock clock() {
    return clock;
  }

  /** Some thread that is not the caller's, to ask whether memory is confined to one. */
  Thread anotherThread() {
    return anotherThread;
  }

  @Override
  public void close() {
    NettyDriver stopping;
    synchronized (this) {
      closed = true;
      stopping = driver;
      driver = null;
    }
    for (CallerQueuePair pair : activePairs) {
      pair.abort("the provider was closed");
    }
    for (IwarpDomain domain : domains) {
      domain.close();
    }
    if (stopping != null) {
      stopping.close();
    }
  }
}
