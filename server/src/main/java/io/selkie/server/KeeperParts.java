package io.selkie.server;

import io.selkie.config.SelkieConfig;
import io.selkie.lease.DescriptorKeeper;
import io.selkie.posix.Kernel;
import io.selkie.posix.NotifySocket;
import io.selkie.posix.PosixException;
import io.selkie.server.keeper.KeeperException;
import io.selkie.server.keeper.KeeperException.Reason;
import io.selkie.server.keeper.KeeperProcess;
import io.selkie.server.keeper.KeptBefore;
import io.selkie.server.keeper.NotifyKeeper;
import io.selkie.server.keeper.Surroundings;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who keeps the leases of block layouts should this server be killed: the service manager, a
 * process of its own, or nobody, which is said.
 */
final class KeeperParts {

  private static final Logger LOG = LoggerFactory.getLogger(KeeperParts.class);

  /** Where it is our own process that keeps them. */
  private static final int KEPT_MAX = 4096;

  private static final Duration START_PATIENCE = Duration.ofMinutes(2);

  /** What a client that was told to come again may take to do so, and some for its reclaims. */
  private static final Duration RETRY = Duration.ofSeconds(30);

  private final Optional<Surroundings> surroundings;
  private final KeptBefore before;
  private final ServerMetrics metrics;
  private final Teardown teardown;

  /**
   * Looks at what was kept of the server before.
   *
   * @param surroundings of this process; empty for a server within another program, which starts no
   *     process and has nothing of the service manager's
   */
  KeeperParts(Optional<Surroundings> surroundings, ServerMetrics metrics, Teardown teardown) {
    this.surroundings = surroundings;
    this.metrics = metrics;
    this.teardown = teardown;
    this.before =
        surroundings
            .map(known -> KeptBefore.of(known.environment(), known.pid()))
            .orElseGet(() -> KeptBefore.of(Map.of(), 0));
    metrics.gauge(Metric.KEPT_BEFORE, before::size);
  }

  /** How long a lease is kept when its server is dead: a client's lease, and an access of it. */
  static Duration hold(SelkieConfig config) {
    return Duration.ofSeconds(config.sessions().leaseSeconds())
        .plusMillis(config.layout().blockIoMillis());
  }

  /**
   * How long clients may reclaim: not before the files that were kept can be opened again, and then
   * for some time.
   */
  Duration grace(SelkieConfig config) {
    Duration grace = Duration.ofSeconds(config.sessions().graceSeconds());
    Duration held = before.hold();
    if (hasBlockWriters(config) && surroundings.isPresent() && hold(config).compareTo(held) > 0) {
      // A process of the server before may keep them, of which nothing is known here.
      held = hold(config);
    }
    Duration needed = held.isZero() ? held : held.plus(RETRY);
    return needed.compareTo(grace) > 0 ? needed : grace;
  }

  private static boolean hasBlockWriters(SelkieConfig config) {
    return BlockParts.hasUnfenced(config);
  }

  /** Closes what was kept of the server before when its time is over. */
  void closeBefore(SystemTimers timers) {
    if (before.size() > 0) {
      before.closeInTime(
          surroundings.orElseThrow().notifyAddress().orElse(""),
          timers,
          teardown.later(new BlockingThreads("kept-before", 1)));
    }
  }

  /** Makes one for a server with block layouts; it says when there is none. */
  DescriptorKeeper open(SelkieConfig config, Kernel kernel, Path stateDirectory) {
    try {
      if (surroundings.isEmpty()) {
        throw new KeeperException(
            Reason.NOT_OFFERED,
            "a server within another program starts no keeper; run selkie serve",
            null);
      }
      NotifyKeeper keeper = open(surroundings.get(), hold(config), kernel, stateDirectory);
      metrics.gauge(Metric.KEPT, keeper::size);
      metrics.gauge(Metric.KEEPER, () -> keeper.isWorking() ? 1 : 0);
      return teardown.later(keeper);
    } catch (KeeperException e) {
      LOG.warn(
          "S5 does not hold for block layouts: when this server is killed, their clients may still"
              + " write to blocks that others have got; {}",
          e.getMessage());
      metrics.gauge(Metric.KEEPER, () -> 0);
      metrics.counter(Metric.KEEPER_REFUSALS, e.reason().name()).inc();
      return DescriptorKeeper.NONE;
    }
  }

  private NotifyKeeper open(Surroundings known, Duration hold, Kernel kernel, Path stateDirectory)
      throws KeeperException {
    Optional<String> address = known.notifyAddress();
    if (address.isEmpty() && known.isUnit()) {
      throw new KeeperException(
          Reason.NOT_OFFERED,
          "a process that this server starts would be ended with it by systemd; give the unit"
              + " FileDescriptorStoreMax=4096, and before systemd 254 Environment=FDSTORE=4096 too",
          null);
    }
    if (address.isEmpty()) {
      KeeperProcess process = KeeperProcess.start(kernel, stateDirectory, KEPT_MAX, START_PATIENCE);
      var keeper =
          new NotifyKeeper(process.socket(), hold, known.pid(), KEPT_MAX, () -> 0, this::trouble);
      process.onEnd(keeper);
      return keeper;
    }
    if (known.storeMax().isEmpty()) {
      throw new KeeperException(
          Reason.NOT_OFFERED,
          "the service manager keeps no descriptors for this unit; give it"
              + " FileDescriptorStoreMax=4096, and before systemd 254 Environment=FDSTORE=4096 too",
          null);
    }
    try {
      return new NotifyKeeper(
          new NotifySocket(address.get()),
          hold,
          known.pid(),
          known.storeMax().getAsInt(),
          before::size,
          this::trouble);
    } catch (PosixException e) {
      throw new KeeperException(Reason.GONE, e.getMessage(), e);
    }
  }

  private void trouble(KeeperException e) {
    long before = metrics.counter(Metric.KEEPER_REFUSALS, e.reason().name()).getCount();
    metrics.counter(Metric.KEEPER_REFUSALS, e.reason().name()).inc();
    // Each file is counted; a log full of the same says no more.
    if (before == 0) {
      LOG.error("S5: {}", e.getMessage());
    } else {
      LOG.debug("S5: {}", e.getMessage());
    }
  }
}
