package io.selkie.server;

import io.selkie.config.AdminConfig;
import io.selkie.config.ConfigSource;
import io.selkie.config.ExportConfig;
import io.selkie.config.LogConfig;
import io.selkie.config.SelkieConfig;
import io.selkie.config.time.NanoClock;
import io.selkie.layout.rdma.RdmaDevices.Device;
import io.selkie.posix.SystemFacts;
import io.selkie.server.admin.Addresses;
import io.selkie.server.admin.AdminServer;
import io.selkie.server.admin.ReloadOutcome;
import io.selkie.server.admin.ServerControl;
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
      SystemFacts facts,
      NanoClock clock,
      Instant startedAt) {
    this.server = server;
    this.source = source;
    this.stateDirectory = stateDirectory;
    this.socket = socket;
    this.rdma = rdma;
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
  public List<RdmaFacts> rdma() {
    return rdma.stream().map(this::facts).toList();
  }

  private RdmaFacts facts(RdmaService service) {
    HexFormat hex = HexFormat.of();
    return new RdmaFacts(
        service
            .devices()
            .primary()
            .map(Device::id)
            .map(id -> hex.toHexDigits(id.high()) + hex.toHexDigits(id.low()))
            .orElse(""),
        service.provider().name(),
        Addresses.text(service.address()),
        service.gate().count());
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

  @Override
  public void logLevel(String logger, LogConfig.Level level) {
    Logging.level(logger, level);
  }

  @Override
  public Map<String, String> logLevels() {
    return Logging.levels();
  }
}
