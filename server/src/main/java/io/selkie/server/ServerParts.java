package io.selkie.server;

import io.selkie.config.ConfigSource;
import io.selkie.config.ExportConfig;
import io.selkie.config.SelkieConfig;
import io.selkie.config.time.NanoClock;
import io.selkie.layout.Arbiter;
import io.selkie.layout.DelegationPolicy;
import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.LayoutPolicy;
import io.selkie.layout.LayoutType;
import io.selkie.layout.rdma.RdmaLayoutType;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.lease.LeaseRuntime;
import io.selkie.lease.LeaseSettings;
import io.selkie.posix.ActingKernel;
import io.selkie.posix.DeviceFiles;
import io.selkie.posix.FsIdentity;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxThreadCredentials;
import io.selkie.posix.SystemFacts;
import io.selkie.posix.SystemNameService;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.rdma.iwarp.IwarpStatistics;
import io.selkie.rdma.iwarp.IwarpStatistics.Counter;
import io.selkie.server.compound.CompoundEngine;
import io.selkie.server.compound.ExecutionPolicy;
import io.selkie.server.compound.NfsProgram;
import io.selkie.server.compound.Operation;
import io.selkie.server.compound.OperationTable;
import io.selkie.server.compound.Workers;
import io.selkie.server.identity.Admission;
import io.selkie.server.identity.Callers;
import io.selkie.server.identity.MachineDomain;
import io.selkie.server.identity.Users;
import io.selkie.server.media.MediaErrors;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import io.selkie.server.offload.Offloads;
import io.selkie.server.ops.FileOperations;
import io.selkie.server.ops.FileServices;
import io.selkie.server.ops.Nfs42Operations;
import io.selkie.server.ops.WriteVerifier;
import io.selkie.server.recovery.ClientStore;
import io.selkie.server.recovery.Recovery;
import io.selkie.server.recovery.RecoveryGates;
import io.selkie.server.rpc.RpcServer;
import io.selkie.server.session.ClientLifecycle;
import io.selkie.server.session.ClientMemory;
import io.selkie.server.session.ServerIdentity;
import io.selkie.server.session.SessionManager;
import io.selkie.server.state.Courtesy;
import io.selkie.server.state.Grace;
import io.selkie.server.state.LockTable;
import io.selkie.server.state.OpenTable;
import io.selkie.server.state.StateDirectory;
import io.selkie.server.trace.EventDump;
import io.selkie.server.trace.FlightEvents;
import io.selkie.server.trace.RecallLog;
import io.selkie.server.trace.TimedOperations;
import io.selkie.server.vfs.ChangeClock;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.ExportOpener;
import io.selkie.server.vfs.PassthroughFileSystem;
import io.selkie.server.vfs.VfsState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the parts of a server from its configuration, in the order of their dependence, and leaves
 * each to the teardown. Used by one thread, at start.
 */
final class ServerParts {

  private static final Logger LOG = LoggerFactory.getLogger(ServerParts.class);

  /** Files found by name where kernel handles may not be used; a few hundred bytes each. */
  private static final int NAME_INDEX_FILES = 1 << 20;

  /** layout_blksize: what LAYOUTCOMMIT's lists are aligned to. */
  private static final int LAYOUT_BLOCK_BYTES = 4096;

  /** More would only make each other slow on one disk. */
  private static final int COPY_THREADS = 2;

  /** Of the heap, in use after a collection: clients are asked to give something back. */
  private static final double SCARCE_SHARE = 0.8;

  /** Questions to the name service that may wait; who asks more is told to come again. */
  private static final int LOOKUPS_QUEUED = 1024;

  private final SelkieConfig config;
  private final DeviceFiles kernel;

  /** The same, acting as the user of the request. */
  private final ActingKernel acting;

  private final NanoClock clock;
  private final SecureRandom random;
  private final ServerMetrics metrics;
  private final Teardown teardown;
  private final Instant startedAt;
  private final StateDirectory state;
  private final SyncKernel syncing;
  private final SystemTimers timers;
  private final Users users;
  private final ExportOpener opener;
  final MediaErrors media;
  private final List<Export> addedExports = new CopyOnWriteArrayList<>();
  private final RdmaParts rdmaParts;
  private BlockParts blockParts = BlockParts.NONE;
  private Descriptors descriptors;

  ServerParts(
      SelkieConfig config,
      Kernel kernel,
      NanoClock clock,
      SecureRandom random,
      ServerMetrics metrics,
      Teardown teardown)
      throws IOException {
    this.config = config;
    this.kernel = MediaParts.withDevices(kernel);
    this.acting = new ActingKernel(this.kernel, identity(kernel));
    this.clock = clock;
    this.random = random;
    this.metrics = metrics;
    this.teardown = teardown;
    this.startedAt = new WallClock().instant();
    Path directory =
        config
            .stateDirectory()
            .orElseGet(() ->
                StateDirectory.defaultPath(
                    kernel.effectiveUid(),
                    StateDirectory.SYSTEM,
                    Optional.ofNullable(System.getenv("XDG_STATE_HOME")),
                    Path.of(System.getProperty("user.home"))));
    this.state = teardown.later(StateDirectory.open(directory, random));
    this.syncing = new SyncKernel(this.kernel, new WriteVerifier(state.bootEpoch()));
    this.timers = teardown.later(new SystemTimers("timers"));
    this.users = users();
    this.rdmaParts =
        new RdmaParts(config.rdma(), kernel, clock, random, metrics, teardown, VerbsOpener::open);
    this.opener = new ExportOpener(this.kernel, state.path());
    this.media = MediaParts.open(this.kernel, clock, metrics, teardown);
    LOG.info("state in {}, start number {}", directory, state.bootEpoch());
  }

  /** How requests are told apart in the file system; said once, as it decides who may do what. */
  private static Optional<FsIdentity> identity(Kernel kernel) {
    try {
      FsIdentity identity =
          FsIdentity.of(new LinuxThreadCredentials(), kernel.effectiveUid(), kernel.effectiveGid());
      LOG.info("each request works on the file system as its own user");
      return Optional.of(identity);
    } catch (IOException e) {
      LOG.warn(
          "every request works on the file system as user {}, whoever sends it, because {}; run"
              + " the server as root for each to be its own user",
          kernel.effectiveUid(),
          e.getMessage());
      return Optional.empty();
    }
  }

  // ---------------------------------------------------------------- files and opens

  PassthroughFileSystem openFileSystem(SystemFacts facts) throws IOException {
    VfsState handles =
        teardown.later(
            VfsState.open(
                kernel,
                state.path().resolve("vfs").toString(),
                random,
                NAME_INDEX_FILES,
                new ChangeClock.Clocks(new WallClock(), clock, facts.bootId())));
    // Those that come later go as late as those of now.
    teardown.later(() -> addedExports.forEach(Export::close));
    List<Export> exports = new ArrayList<>();
    for (ExportConfig export : config.exports()) {
      Export opened = opener.open(export);
      exports.add(teardown.later(opened));
      if (opened.handleMode() == Export.HandleMode.NAME) {
        LOG.info(
            "export {}: files are found again by name, as this process may not open by handle"
                + " (CAP_DAC_READ_SEARCH)",
            export.name());
      }
    }
    descriptors =
        Descriptors.of(
            facts.openFilesLimit(),
            config.sessions().maxConnections(),
            config.files().maxOpenDescriptions());
    int most = descriptors.files();
    return teardown.later(
        new PassthroughFileSystem(
            kernel, acting, exports, handles, startedAt.getEpochSecond(), most));
  }

  OpenTable openTable() {
    return teardown.later(
        new OpenTable(
            state.bootEpoch(),
            config.sessions().maxOpens(),
            config.sessions().maxOpensPerClient()));
  }

  LockTable openLocks(SessionManager sessions, OpenTable opens, PassthroughFileSystem fs) {
    return new LockParts(kernel, clock, timers, metrics)
        .open(config.sessions(), state.bootEpoch(), sessions, opens, fs.openFiles());
  }

  // ---------------------------------------------------------------- sessions

  /** The clients of before, and the grace period that they have. */
  Recovery openRecovery(KeeperParts keeping) throws IOException {
    ClientStore store =
        teardown.later(
            ClientStore.open(
                state.path(),
                bootId(),
                timers,
                metrics.counter(Metric.CLIENT_STORE_FAILURES)::inc));
    Recovery recovery = new Recovery(store, clock, timers, keeping.grace(config));
    keeping.closeBefore(timers);
    metrics.gauge(Metric.GRACE, () -> recovery.inGrace() ? 1 : 0);
    metrics.gauge(Metric.CLIENTS_TO_RECLAIM, recovery::outstandingClients);
    return recovery;
  }

  /** Which start of the machine this is; empty where the kernel does not say. */
  private static String bootId() {
    try {
      return Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
    } catch (IOException e) {
      LOG.warn("the kernel's boot id cannot be read: no LAYOUTCOMMIT is reclaimed", e);
      return "";
    }
  }

  SessionManager openSessions(ClientLifecycle lifecycle, ClientMemory memory) throws IOException {
    String id = HexFormat.of().formatHex(state.serverId());
    ServerIdentity identity =
        new ServerIdentity(
            state.bootEpoch(),
            id,
            id,
            "selkie.invalid",
            "Selkie " + Main.Version.text(),
            new NfsTime4(startedAt.getEpochSecond(), 0));
    return teardown.later(
        new SessionManager(
            identity, Limits.sessions(config), clock, timers, random, lifecycle, memory));
  }

  // ---------------------------------------------------------------- one-sided access

  Optional<RdmaService> openRdma(SessionManager sessions, PassthroughFileSystem fs)
      throws IOException {
    return rdmaParts.open(sessions::clientOf, fs.exports());
  }

  // ---------------------------------------------------------------- seals and layouts

  LeaseRuntime startLeases(
      LeaseDeadlines deadlines, LeaseTimeGuard guard, LongSupplier auditIntervalNanos)
      throws IOException {
    BlockingThreads auditing = teardown.later(new BlockingThreads("audit", 1));
    LeaseSettings settings = leaseSettings().withAuditIntervalNanos(auditIntervalNanos.getAsLong());
    LeaseRuntime leases =
        teardown.later(
            LeaseRuntime.start(
                new LeaseRuntime.Parts(
                    syncing,
                    clock,
                    timers,
                    auditing,
                    deadlines,
                    settings,
                    new LeaseWatch(metrics, MediaParts.everyAudit(guard, media)))));
    guard.onChange(changed -> leases.reconfigure(changed, auditIntervalNanos.getAsLong()));
    return leases;
  }

  /** But for the interval of audits, which may change. */
  private static LeaseSettings leaseSettings() {
    return LeaseSettings.defaults();
  }

  /** Watches over the kernel's time, which is the administrator's to change. */
  LeaseTimeGuard guard(SystemFacts facts, LeaseTimeGuard.Rule rule, LeaseDeadlines atStart) {
    return new LeaseTimeGuard(
        facts::leaseBreakSeconds,
        rule,
        (int) TimeUnit.NANOSECONDS.toSeconds(atStart.leaseBreakTimeNanos()),
        clock);
  }

  /** Block and SCSI layouts, where an export allows them. */
  List<LayoutType> openBlocks(PassthroughFileSystem fs, LeaseRuntime leases, KeeperParts keeping)
      throws IOException {
    if (BlockParts.hasUnfenced(config)) {
      leases.descriptors(keeping.open(config, kernel, state.path()));
    }
    blockParts =
        BlockParts.open(
            config,
            fs.exports(),
            syncing,
            leaseSettings(),
            clock,
            timers,
            random,
            state,
            metrics,
            teardown);
    leases.reached(blockParts.exports().bypassed()::contains);
    return blockParts.types();
  }

  Arbiter openArbiter(
      LeaseRuntime leases,
      LeaseTimeGuard guard,
      SessionManager sessions,
      OpenTable opens,
      PassthroughFileSystem fs,
      Optional<RdmaService> rdma,
      List<LayoutType> blocks,
      BlockingThreads blocking,
      BlockingThreads releases) {
    List<LayoutType> types = new ArrayList<>();
    rdma.ifPresent(service ->
        types.add(
            new RdmaLayoutType(
                service.routing(),
                service.devices(),
                service.regionBytesMax(),
                LAYOUT_BLOCK_BYTES)));
    types.addAll(blocks);
    LayoutPolicy policy = LayoutPolicy.of(config.layout());
    DelegationPolicy delegations = Limits.delegations(config.delegations());
    RecallAny recallAny =
        new RecallAny(
            metrics,
            sessions::callBack,
            timers,
            new RecallAny.Room(policy.layoutsMax(), delegations.delegationsMax()),
            sessions.lease(),
            teardown.later(HeapPressure.watch(SCARCE_SHARE)));
    Arbiter arbiter =
        new Arbiter(
            guard.guarding(leases.sealer()),
            sessions.callbackChannel(),
            sessions.delegationCallbacks(),
            types,
            recallAny,
            clock,
            timers,
            blocking,
            releases,
            random,
            policy,
            delegations);
    recallAny.attach(arbiter);
    media.attach(leases, arbiter);
    metrics.addListener(new DelegatedLayouts(arbiter, opens, releases));
    return teardown.later(arbiter);
  }

  // ---------------------------------------------------------------- requests

  /** Copies that go on by themselves. */
  Offloads openOffloads(SessionManager sessions) {
    BlockingThreads copying = teardown.later(new BlockingThreads("copy", COPY_THREADS));
    Offloads offloads =
        teardown.later(
            new Offloads(
                state.bootEpoch(), Offloads.Limits.DEFAULT, copying, timers, sessions::callBack));
    metrics.gauge(Metric.COPIES, offloads::runningCount);
    sessions.register(offloads);
    return offloads;
  }

  /** The rules of the exports; names of hosts are looked up now. */
  private Admission admission() {
    return new Admission(LiveExports.access(config.exports()));
  }

  /** Users and their names. */
  private Users users() {
    BlockingThreads threads = teardown.later(BlockingThreads.refusing("names", 2, LOOKUPS_QUEUED));
    String domain =
        MachineDomain.of(Path.of("/proc/sys/kernel/hostname"), Path.of("/etc/resolv.conf"));
    return new Users(config.identity(), domain, new SystemNameService(), threads, clock, timers);
  }

  /** The exports while they change; the RDMA device is tried on those that come. */
  LiveExports liveExports(FileServices services, Offloads offloads, Optional<RdmaService> rdma) {
    return new ExportParts(config, kernel, timers, teardown, opener)
        .open(
            services,
            offloads,
            addedExports,
            added ->
                rdma.flatMap(RdmaService::matrix)
                    .ifPresent(matrix -> rdmaParts.prove(matrix, added)));
  }

  FileServices services(
      PassthroughFileSystem fs,
      OpenTable opens,
      LockTable locks,
      LayoutArbiter arbiter,
      Grace grace,
      SessionManager sessions) {
    Set<String> withLayouts = ConcurrentHashMap.newKeySet();
    config.exports().stream()
        .filter(ExportConfig::layouts)
        .map(ExportConfig::name)
        .forEach(withLayouts::add);
    return new FileServices(
        kernel,
        acting,
        fs,
        admission(),
        users,
        opens,
        locks,
        arbiter,
        metrics,
        Limits.attributes(config.sessions()),
        syncing.verifier(),
        withLayouts,
        blockParts.exports(),
        grace,
        courtesy(sessions, opens));
  }

  /** The configuration while it changes; told of changes of its file if that was asked for. */
  LiveConfig liveConfig(
      ConfigSource source, Supplier<SelkieConfig> inForce, LiveConfig.Followers followers)
      throws IOException {
    LiveConfig live =
        new LiveConfig(
            source, inForce, followers, teardown.later(new BlockingThreads("reload", 1)));
    if (config.admin().reloadOnChange() && source.file().isPresent()) {
      Path file = source.file().get();
      teardown.later(new ConfigWatch(file, timers, () -> live.reloadSoon(file + " has changed")));
    }
    return live;
  }

  /** What happens to layouts is told to the log and the flight recorder too, and can be dumped. */
  EventDump eventDump() {
    metrics.addListener(teardown.later(new RecallLog()));
    metrics.addListener(new FlightEvents());
    return new EventDump(
        metrics.events(),
        state.path(),
        clock,
        new WallClock(),
        teardown.later(new BlockingThreads("event-dump", 1)));
  }

  /** The one that files are served by: it knows of devices behind them. */
  DeviceFiles kernel() {
    return kernel;
  }

  Path stateDirectory() {
    return state.path();
  }

  Instant startedAt() {
    return startedAt;
  }

  SystemTimers timers() {
    return timers;
  }

  private static Courtesy courtesy(SessionManager sessions, OpenTable opens) {
    return new Courtesy() {
      @Override
      public boolean giveWay(FileIdentity file) {
        // Locks and delegations hang on an open of the same file, or went with the lease.
        return sessions.giveWay(client -> opens.accessOf(client, file) != 0);
      }

      @Override
      public boolean makeRoom() {
        return sessions.makeRoom();
      }
    };
  }

  RpcServer openRpc(
      FileServices services,
      SessionManager sessions,
      Recovery recovery,
      Offloads offloads,
      Workers workers,
      BlockingThreads releases) {
    List<Operation> operations = new ArrayList<>(FileOperations.all(services));
    operations.addAll(Nfs42Operations.all(services, clock, offloads));
    operations.addAll(
        BackChannelWatch.around(
            sessions.operations(FileOperations.security(services)),
            sessions::clientOf,
            client ->
                releases.execute(() -> {
                  services.arbiter().backChannelUp(client);
                  offloads.backChannelUp(client);
                })));
    CompoundEngine engine =
        new CompoundEngine(
            OperationTable.of(RecoveryGates.around(operations, recovery)),
            ExecutionPolicy.BY_COST,
            workers,
            new TimedOperations(metrics, clock, config.log().slowOperationMillis()),
            new Callers(acting, services.admission(), users),
            services.fs().places());
    return teardown.later(
        new RpcServer(
            List.of(new NfsProgram(engine)),
            Limits.rpc(config.sessions(), descriptors.connections()),
            Limits.networkThreads(config),
            clock,
            timers,
            random));
  }

  // ---------------------------------------------------------------- what is counted elsewhere

  void gauges(
      RpcServer rpc,
      SessionManager sessions,
      OpenTable opens,
      PassthroughFileSystem fs,
      LayoutArbiter arbiter,
      Optional<RdmaService> rdma) {
    // The listening socket is counted with the connections there.
    metrics.gauge(Metric.CONNECTIONS, () -> Math.max(0, rpc.connectionCount() - 1));
    metrics.gauge(Metric.CLIENTS, () -> sessions.clients().size());
    metrics.gauge(Metric.SESSIONS, sessions::sessionCount);
    metrics.gauge(Metric.CLIENTS_COURTEOUS, sessions::courteousCount);
    metrics.gauge(Metric.OPENS, opens::count);
    metrics.gauge(Metric.DESCRIPTIONS, fs.openFiles()::size);
    metrics.gauge(Metric.HANDLES, fs::handlesCached);
    metrics.gauge(Metric.LAYOUTS, arbiter::layoutCount);
    metrics.gauge(Metric.DELEGATIONS, arbiter.delegations()::delegationCount);
    rdma.flatMap(RdmaService::software).ifPresent(software -> directGauges(software.statistics()));
  }

  private void directGauges(IwarpStatistics statistics) {
    metrics.gauge(Metric.DIRECT_READ_BYTES, () -> statistics.get(Counter.READ_BYTES_OUT));
    metrics.gauge(Metric.DIRECT_WRITE_BYTES, () -> statistics.get(Counter.WRITE_BYTES_IN));
    metrics.gauge(Metric.DIRECT_OPERATIONS, () -> statistics.get(Counter.READS_IN), "read");
    metrics.gauge(Metric.DIRECT_OPERATIONS, () -> statistics.get(Counter.WRITES_IN), "write");
    metrics.gauge(
        Metric.DIRECT_REFUSED,
        () -> statistics.terminatesSent().values().stream().mapToLong(Long::longValue).sum());
  }
}
