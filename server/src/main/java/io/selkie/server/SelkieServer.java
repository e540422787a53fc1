package io.selkie.server;

import io.selkie.config.ConfigSource;
import io.selkie.config.ExportConfig;
import io.selkie.config.HostPort;
import io.selkie.config.SelkieConfig;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.layout.Arbiter;
import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.LayoutPolicy;
import io.selkie.lease.LeaseDeadlineException;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.lease.LeaseEvents;
import io.selkie.lease.LeaseRuntime;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.SystemFacts;
import io.selkie.posix.SystemNameService;
import io.selkie.server.admin.AdminParts;
import io.selkie.server.admin.AdminServer;
import io.selkie.server.admin.AdminService;
import io.selkie.server.admin.FileMaps;
import io.selkie.server.admin.ReloadOutcome;
import io.selkie.server.compound.Workers;
import io.selkie.server.diagnostics.DiagnosticsServer;
import io.selkie.server.http.HttpParts;
import io.selkie.server.http.HttpServer;
import io.selkie.server.http.Renewal;
import io.selkie.server.keeper.Surroundings;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import io.selkie.server.offload.Offloads;
import io.selkie.server.ops.FileServices;
import io.selkie.server.recovery.Recovery;
import io.selkie.server.rpc.RpcServer;
import io.selkie.server.session.SessionManager;
import io.selkie.server.state.LockTable;
import io.selkie.server.state.OpenTable;
import io.selkie.server.trace.EventDump;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.PassthroughFileSystem;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A whole server in this process: started by {@link #start}, ended in order by {@link #stop} or at
 * once by {@link #close}. Safe for use by several threads.
 */
public final class SelkieServer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(SelkieServer.class);

  private volatile SelkieConfig config;
  private final Teardown teardown;
  private final ServerMetrics metrics;
  private final SessionManager sessions;
  private final Recovery recovery;
  private final OpenTable opens;
  private final PassthroughFileSystem fs;
  private final LayoutArbiter arbiter;
  private final Workers workers;
  private final LiveExports liveExports;
  private final LiveConfig liveConfig;
  private final Optional<RdmaService> rdma;
  private final InetSocketAddress nfsAddress;
  private final Optional<DiagnosticsServer> diagnostics;
  private final Optional<Path> adminPath;

  /** Its own callers ask for it, perhaps before it is set. */
  private volatile Optional<HttpServer> http = Optional.empty();

  /** Whether {@link #http} is what it stays. */
  private volatile boolean httpKnown;

  private final EventDump dump;
  private final Timers timers;
  private volatile boolean draining;
  private final AtomicBoolean stopping = new AtomicBoolean();
  private final CountDownLatch stopped = new CountDownLatch(1);

  private SelkieServer(
      SelkieConfig config,
      ConfigSource source,
      Kernel kernel,
      Optional<Surroundings> surroundings,
      Teardown teardown)
      throws IOException {
    this.config = config;
    this.teardown = teardown;
    this.metrics = new ServerMetrics();
    SystemFacts facts = SystemFacts.of(kernel);
    LeaseDeadlines deadlines = deadlines(config, facts);
    NanoClock clock = NanoClock.system();
    SecureRandom random = new SecureRandom();
    ServerParts parts = new ServerParts(config, kernel, clock, random, metrics, teardown);
    KeeperParts keeping = new KeeperParts(surroundings, metrics, teardown);
    this.fs = parts.openFileSystem(facts);
    fs.openFiles().closer(teardown.later(new Closings()));
    this.opens = parts.openTable();
    BlockingThreads blocking =
        teardown.later(new BlockingThreads("layout-worker", Math.max(2, Limits.processors())));
    // Of its own, so that nobody who waits for a seal to go waits behind a slow grant.
    BlockingThreads releases = teardown.later(new BlockingThreads("layout-release", 2));
    this.recovery = parts.openRecovery(keeping);
    // A client that goes may have thousands of files and a disk that hangs: no seal waits for that.
    BlockingThreads departures = teardown.later(new BlockingThreads("departure", 4));
    Departure departure = new Departure(recovery, departures);
    this.sessions = parts.openSessions(departure, recovery);
    this.rdma = parts.openRdma(sessions, fs);
    LeaseTimeGuard guard =
        parts.guard(facts, seconds -> deadlines(this.config, seconds), deadlines);
    LeaseRuntime leases =
        parts.startLeases(deadlines, guard, () -> auditIntervalNanos(this.config));
    Arbiter newArbiter =
        parts.openArbiter(
            leases,
            guard,
            sessions,
            opens,
            fs,
            rdma,
            parts.openBlocks(fs, leases, keeping),
            blocking,
            releases);
    this.arbiter = newArbiter;
    LockTable locks = parts.openLocks(sessions, opens, fs);
    departure.attach(arbiter, opens, locks, rdma.map(RdmaService::gate));
    sessions.register(new Stateholders.Opens(opens));
    sessions.register(new Stateholders.Layouts(arbiter));
    Offloads offloads = parts.openOffloads(sessions);
    departure.first(offloads::clientGone);
    this.workers = teardown.later(Limits.workers(config.workers()));
    FileServices services = parts.services(fs, opens, locks, arbiter, recovery, sessions);
    this.liveExports = parts.liveExports(services, offloads, rdma);
    this.liveConfig =
        parts.liveConfig(source, this::config, new Followers(facts, newArbiter, leases));
    RpcServer rpc = parts.openRpc(services, sessions, recovery, offloads, workers, releases);
    this.diagnostics = openDiagnostics();
    // Clients may come from here on.
    this.nfsAddress = rpc.listen(resolve(config.listen()));
    parts.gauges(rpc, sessions, opens, fs, arbiter, rdma);
    this.adminPath = Control.socket(config.admin(), parts.stateDirectory());
    Control control =
        new Control(
            this,
            source,
            parts.stateDirectory(),
            adminPath,
            rdma,
            parts.media,
            facts,
            clock,
            parts.startedAt());
    AdminService administration =
        new AdminService(
            new AdminParts(
                control,
                sessions,
                opens,
                locks,
                arbiter,
                recovery,
                metrics,
                clock,
                new FileMaps(parts.kernel(), fs.openFiles())));
    this.dump = parts.eventDump();
    this.timers = parts.timers();
    this.http =
        HttpServer.open(
            config.http(),
            new HttpParts(
                administration,
                control,
                metrics,
                clock,
                new WallClock(),
                parts.timers(),
                kernel.effectiveUid()));
    http.ifPresent(teardown::later);
    this.httpKnown = true;
    // Behind all that its callers reach: a reload renews what HTTP has.
    if (adminPath.isPresent()) {
      teardown.later(
          new AdminServer(
              adminPath.get(),
              config.admin(),
              new SystemNameService(),
              administration,
              parts.timers()));
    }
    config.exports().forEach(SelkieServer::say);
  }

  /** What follows the configuration while the server runs. */
  private final class Followers implements LiveConfig.Followers {
    private final SystemFacts facts;
    private final Arbiter policies;
    private final LeaseRuntime leases;

    Followers(SystemFacts facts, Arbiter policies, LeaseRuntime leases) {
      this.facts = facts;
      this.policies = policies;
      this.leases = leases;
    }

    @Override
    public LeaseDeadlines deadlines(SelkieConfig to) throws IOException {
      return SelkieServer.deadlines(to, facts);
    }

    @Override
    public Renewal renewal() throws IOException {
      if (!httpKnown) {
        throw new IOException("the server is starting; load it again when it is ready");
      }
      return http.isPresent() ? http.get().renewal() : Renewal.NONE;
    }

    @Override
    public CompletionStage<Void> exports(SelkieConfig to) {
      return liveExports.apply(to.exports());
    }

    @Override
    public void values(SelkieConfig to, LeaseDeadlines deadlines) {
      SelkieConfig from = config;
      config = to;
      policies.updatePolicy(LayoutPolicy.of(to.layout()));
      leases.reconfigure(deadlines, auditIntervalNanos(to));
      if (from.log().level() != to.log().level()) {
        Logging.level(to.log().level());
      }
    }
  }

  private static long auditIntervalNanos(SelkieConfig config) {
    return TimeUnit.MILLISECONDS.toNanos(config.layout().auditIntervalMillis());
  }

  private static void say(ExportConfig export) {
    LOG.info(
        "export {} of {}{}{}",
        export.name(),
        export.path(),
        export.readOnly() ? ", read only" : "",
        export.layouts() ? "" : ", without layouts");
  }

  /**
   * Starts a server; it serves when this returns.
   *
   * @throws IOException when it cannot, with the reason and what to do in the message; nothing is
   *     left behind
   */
  public static SelkieServer start(SelkieConfig config) throws IOException {
    return start(config, new LinuxKernel());
  }

  /** Starts on a kernel that a test can make fail. */
  public static SelkieServer start(SelkieConfig config, Kernel kernel) throws IOException {
    return start(config, ConfigSource.NONE, kernel);
  }

  /**
   * Starts one that can load its configuration again.
   *
   * @param source where {@code config} came from
   */
  public static SelkieServer start(SelkieConfig config, ConfigSource source, Kernel kernel)
      throws IOException {
    return start(config, source, kernel, Optional.empty());
  }

  /**
   * Starts one that is this process's purpose.
   *
   * @param surroundings what the process is run by, which may keep leases should it be killed;
   *     empty for a server within another program
   */
  public static SelkieServer start(
      SelkieConfig config, ConfigSource source, Kernel kernel, Optional<Surroundings> surroundings)
      throws IOException {
    Teardown teardown = new Teardown();
    try {
      return new SelkieServer(config, source, kernel, surroundings, teardown);
    } catch (IOException | RuntimeException e) {
      teardown.close();
      throw e;
    }
  }

  /** The deadline rule (S4). */
  private static LeaseDeadlines deadlines(SelkieConfig config, SystemFacts facts)
      throws IOException {
    try {
      return deadlines(config, facts.leaseBreakSeconds());
    } catch (LeaseDeadlineException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  private static LeaseDeadlines deadlines(SelkieConfig config, int leaseBreakSeconds)
      throws LeaseDeadlineException {
    return LeaseDeadlines.of(
        leaseBreakSeconds,
        Duration.ofMillis(config.layout().recallTimeoutMillis()),
        Duration.ofMillis(config.layout().fenceBudgetMillis()));
  }

  static InetSocketAddress resolve(HostPort address) throws IOException {
    return new InetSocketAddress(InetAddress.getByName(address.host()), address.port());
  }

  private Optional<DiagnosticsServer> openDiagnostics() throws IOException {
    if (config.diagnostics().listen().isEmpty()) {
      return Optional.empty();
    }
    InetSocketAddress address = resolve(config.diagnostics().listen().get());
    return Optional.of(
        teardown.later(new DiagnosticsServer(address, this::report, metrics.events()::keep)));
  }

  /** What the diagnostics listener tells. */
  private Map<String, Object> report() {
    Map<String, Object> report = new LinkedHashMap<>();
    report.put("pid", ProcessHandle.current().pid());
    report.put(
        "exports",
        liveExports.configs().stream()
            .map(export -> Map.of("name", export.name(), "path", export.path().toString()))
            .toList());
    report.put("unmountedExports", liveExports.unmounted());
    report.put("metrics", metrics.values());
    return report;
  }

  /**
   * Serves exactly these exports from now on, while it runs; see {@link LiveExports} for what that
   * means to clients.
   *
   * @param exports valid together, as those of a loaded configuration are
   * @return completes when it is so, exceptionally with an {@link IOException} when one cannot be
   *     served, then nothing changed; or with an {@link ExportBusyException} when one that goes
   *     cannot be left, then all else is as wanted
   */
  public CompletionStage<Void> applyExports(List<ExportConfig> exports) {
    return liveExports.apply(exports);
  }

  /**
   * The configuration that is in force. Exports that were unmounted underneath belong to it, though
   * they are not served until they are mounted again.
   */
  public SelkieConfig config() {
    return config.withExports(liveExports.wanted());
  }

  /** The exports that are served now. */
  List<ExportConfig> servedExports() {
    return liveExports.configs();
  }

  /**
   * Loads the configuration again from where it came: all of it is applied, or nothing.
   *
   * @param dryRun only says what would change
   */
  public CompletionStage<ReloadOutcome> reload(boolean dryRun) {
    return liveConfig.reload(dryRun);
  }

  /** The same at once and without an answer; what comes of it is logged. For signals. */
  public void reloadSoon(String why) {
    liveConfig.reloadSoon(why);
  }

  /** Where NFS clients connect. */
  public InetSocketAddress nfsAddress() {
    return nfsAddress;
  }

  /** Where queue pairs connect; empty when one-sided access is off. */
  public Optional<InetSocketAddress> rdmaAddress() {
    return rdma.map(RdmaService::address);
  }

  /** Where the diagnostics listener is; empty when it is off. */
  public Optional<InetSocketAddress> diagnosticsAddress() {
    return diagnostics.map(DiagnosticsServer::address);
  }

  /** Where administrators find it; empty when they do not. */
  public Optional<Path> adminSocket() {
    return adminPath;
  }

  /** Where it answers HTTP; empty when it does not. */
  public Optional<InetSocketAddress> httpAddress() {
    return http.map(HttpServer::address);
  }

  /** running, draining or stopping. */
  String state() {
    return stopping.get() ? "stopping" : draining ? "draining" : "running";
  }

  /**
   * Grants no layout and no delegation any more and recalls all there are; everything else goes on.
   *
   * @return complete when nothing is held
   */
  public CompletionStage<Void> drain() {
    draining = true;
    LOG.info("draining: {} layouts to be recalled", arbiter.layoutCount());
    return arbiter.stop();
  }

  /** Its counters and its recent layout events. */
  public ServerMetrics metrics() {
    return metrics;
  }

  /** Where its deadlines are kept. */
  Timers timers() {
    return timers;
  }

  /** Whether it does what it is for: it cannot when lease breaks are not seen any more. */
  boolean isSound() {
    return metrics
            .counter(Metric.LEASE_SIGNAL_ANOMALIES, LeaseEvents.SignalAnomaly.THREAD_DIED.name())
            .getCount()
        == 0;
  }

  /** Writes its recent events to its state directory. */
  EventDump dump() {
    return dump;
  }

  /** Its layouts. */
  public LayoutArbiter arbiter() {
    return arbiter;
  }

  /** Its clients and sessions. */
  public SessionManager sessions() {
    return sessions;
  }

  /** What it remembers of clients over a restart, and its grace period. */
  public Recovery recovery() {
    return recovery;
  }

  /** Its opens. */
  public OpenTable opens() {
    return opens;
  }

  /** Its exports, by name. */
  public Map<String, Export> exports() {
    Map<String, Export> exports = new LinkedHashMap<>();
    fs.exports().forEach(export -> exports.put(export.name(), export));
    return exports;
  }

  /**
   * Stops in order: no new queue pairs, every layout recalled and fenced where it does not come
   * back, requests under way answered, connections closed, descriptors and leases given up. The
   * second call waits for the first.
   *
   * @param bound how long recall and requests may take together; then what is left is cut off
   */
  public void stop(Duration bound) {
    if (!stopping.compareAndSet(false, true)) {
      try {
        awaitStopped();
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      }
      return;
    }
    NanoClock clock = NanoClock.system();
    long deadline = clock.nanoTime() + bound.toNanos();
    LOG.info("stopping: {} layouts to be recalled", arbiter.layoutCount());
    rdma.ifPresent(service -> service.gate().stop());
    try {
      arbiter.stop().toCompletableFuture().get(bound.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException | ExecutionException e) {
      LOG.error("not every layout came back; what is left is fenced", e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    try {
      // Requests are answered while their connections are still there.
      if (!workers.stop(Math.max(1, deadline - clock.nanoTime()))) {
        LOG.warn("requests still under way are cut off; they were not acknowledged");
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    recovery.stopping(sessions::holdsState);
    finish();
  }

  /** Ends at once: every layout is fenced, what is under way is cut off. Idempotent. */
  @Override
  public void close() {
    if (stopping.compareAndSet(false, true)) {
      rdma.ifPresent(service -> service.gate().stop());
      finish();
    }
  }

  private void finish() {
    teardown.close();
    stopped.countDown();
    LOG.info("stopped");
  }

  /** Waits until the server has stopped. */
  public void awaitStopped() throws InterruptedException {
    stopped.await();
  }
}
