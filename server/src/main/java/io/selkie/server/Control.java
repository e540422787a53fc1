package io.selkie.server;

import io.selkie.config.AdminConfig;
import io.selkie.config.ConfigSource;
import io.selkie.config.ExportConfig;
import io.selkie.config.LogConfig;
import io.selkie.config.SelkieConfig;
import io.selkie.config.time.NanoClock;
import io.selkie.posix.MountFacts;
import io.selkie.posix.SystemFacts;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.server.admin.Addresses;
import io.selkie.server.admin.AdminServer;
import io.selkie.server.admin.ReloadOutcome;
import io.selkie.server.admin.ServerControl;
import io.selkie.server.media.MediaErrors;
import io.selkie.server.vfs.Export;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The server as its administrators have it in hand. */
final class Control implements ServerControl {

  private static final Logger LOG = LoggerFactory.getLogger(Control.class);

  private final SelkieServer server;
  private final ConfigSource source;
  private final Path stateDirectory;
  private final Optional<Path> socket;
  private final Optional<RdmaService> rdma;
  private final MediaErrors media;
  private final SystemFacts facts;
  private final NanoClock clock;
  private final Instant startedAt;
  private final long startedNanos;

  Control(
      SelkieServer server,
      ConfigSource source,
      Path stateDirectory,
      Optional<Path> socket,
      Optional<RdmaService> rdma,
      MediaErrors media,
      SystemFacts facts,
      NanoClock clock,
      Instant startedAt) {
    this.server = server;
    this.source = source;
    this.stateDirectory = stateDirectory;
    this.socket = socket;
    this.rdma = rdma;
    this.media = media;
    this.facts = facts;
    this.clock = clock;
    this.startedAt = startedAt;
    this.startedNanos = clock.nanoTime();
  }

  /** Where administrators find a server; empty when they do not. */
  static Optional<Path> socket(AdminConfig admin, Path stateDirectory) {
    if (!admin.enabled()) {
      LOG.info("no socket for administrators (admin.enabled)");
      return Optional.empty();
    }
    Path beside = stateDirectory.resolve("ctl.sock").toAbsolutePath();
    if (admin.socket().isEmpty() && !AdminServer.fits(beside)) {
      LOG.warn("no socket for administrators: {} is too long for one; set admin.socket", beside);
      return Optional.empty();
    }
    return Optional.of(admin.socket().orElse(beside));
  }

  @Override
  public Facts facts() {
    SelkieConfig config = server.config();
    return new Facts(
        Main.Version.text(),
        startedAt,
        TimeUnit.NANOSECONDS.toSeconds(clock.nanoTime() - startedNanos),
        server.state(),
        source.file(),
        stateDirectory,
        server.nfsAddress(),
        server.rdmaAddress(),
        server.diagnosticsAddress(),
        socket,
        server.httpAddress(),
        leaseBreakSeconds(),
        config.layout().recallTimeoutMillis(),
        config.layout().fenceBudgetMillis());
  }

  private int leaseBreakSeconds() {
    try {
      return facts.leaseBreakSeconds();
    } catch (IOException _) {
      return -1;
    }
  }

  @Override
  public List<ExportConfig> exportConfigs() {
    return server.servedExports();
  }

  @Override
  public Collection<Export> exports() {
    return server.exports().values();
  }

  @Override
  public List<MountFacts> mounts() {
    try {
      return facts.mounts();
    } catch (IOException _) {
      return List.of();
    }
  }

  @Override
  public List<RdmaFacts> rdma() {
    return rdma.stream()
        .flatMap(service -> service.listeners().stream().map(one -> facts(service, one)))
        .toList();
  }

  private static RdmaFacts facts(RdmaService service, RdmaService.Listening listening) {
    HexFormat hex = HexFormat.of();
    DeviceId4 id = listening.route().device().id();
    return new RdmaFacts(
        hex.toHexDigits(id.high()) + hex.toHexDigits(id.low()),
        listening.route().provider(),
        Addresses.text(listening.address()),
        service.gate().count(listening.route().domains()),
        listening.note());
  }

  @Override
  public List<ReachFacts> reach() {
    return rdma.flatMap(RdmaService::matrix).stream()
        .flatMap(matrix -> matrix.rows().stream())
        .map(row ->
            new ReachFacts(
                row.device(), row.storage().label(), row.read().words(), row.write().words()))
        .toList();
  }

  @Override
  public List<MediaErrors.BadRow> badBlocks() {
    return media.rows();
  }

  @Override
  public CompletionStage<ReloadOutcome> reload(boolean dryRun) {
    return server.reload(dryRun);
  }

  @Override
  public CompletionStage<Void> drain() {
    return server.drain();
  }

  @Override
  public void stop() {
    Thread.ofPlatform().name("stop").start(() -> server.stop(stopBound(server.config())));
  }

  /** How long an orderly stop may take beyond what recall and fence may. */
  static Duration stopBound(SelkieConfig config) {
    return Duration.ofMillis(
            (long) config.layout().recallTimeoutMillis() + config.layout().fenceBudgetMillis())
        .plusSeconds(10);
  }

  /** How long a stop may take with everything that is cut off then, fenced anew, and closed. */
  static Duration endBound(SelkieConfig config) {
    return stopBound(config).plusMillis(2L * config.layout().fenceBudgetMillis()).plusSeconds(30);
  }

  @Override
  public void logLevel(String logger, LogConfig.Level level) {
    Logging.level(logger, level);
  }

  @Override
  public Map<String, String> logLevels() {
    return Logging.levels();
  }
}
