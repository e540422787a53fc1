package io.selkie.server.admin;

import io.selkie.config.ExportConfig;
import io.selkie.config.LogConfig;
import io.selkie.posix.MountFacts;
import io.selkie.server.media.MediaErrors;
import io.selkie.server.vfs.Export;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/** The server as a whole, as its administrators may use it. Safe for use by several threads. */
public interface ServerControl {

  /**
   * What does not hang on any of its parts.
   *
   * @param state running, draining or stopping
   * @param leaseBreakSeconds how long the kernel waits for a lease; -1 when it does not say
   */
  record Facts(
      String version,
      Instant startedAt,
      long uptimeSeconds,
      String state,
      Optional<Path> configFile,
      Path stateDirectory,
      InetSocketAddress nfs,
      Optional<InetSocketAddress> rdma,
      Optional<InetSocketAddress> diagnostics,
      Optional<Path> socket,
      Optional<InetSocketAddress> http,
      int leaseBreakSeconds,
      int recallTimeoutMillis,
      int fenceBudgetMillis) {}

  /**
   * Where clients reach files one-sided.
   *
   * @param id device id, in hexadecimal digits
   * @param note which device it is, or why there is no other; may be empty
   */
  record RdmaFacts(String id, String provider, String address, int queuePairs, String note) {}

  /**
   * What the RDMA device was proven to reach.
   *
   * @param device of the file system, major in the upper, minor in the lower 32 bits
   * @param storage what its files are, for people
   * @param read how, or why not
   * @param write how, or why not
   */
  record ReachFacts(long device, String storage, String read, String write) {}

  /** Now. */
  Facts facts();

  /** What is served, by name and as configured. */
  List<ExportConfig> exportConfigs();

  /** What is served. */
  Collection<Export> exports();

  /** Every mount that the server sees; empty when that cannot be read. */
  List<MountFacts> mounts();

  /** The RDMA devices that layouts name. */
  List<RdmaFacts> rdma();

  /** What the RDMA device reaches; empty when there is none. */
  List<ReachFacts> reach();

  /** Bad blocks of the storage, the kernel's lists read anew; layouts over them are recalled. */
  default List<MediaErrors.BadRow> badBlocks() {
    return List.of();
  }

  /** Loads the configuration again, or says what that would change. */
  CompletionStage<ReloadOutcome> reload(boolean dryRun);

  /**
   * Grants nothing any more and recalls everything.
   *
   * @return complete when nothing is held
   */
  CompletionStage<Void> drain();

  /** Begins to stop the server, on a thread of its own. */
  void stop();

  /** Sets a logger's level from now on; an empty name is all of them. */
  void logLevel(String logger, LogConfig.Level level);

  /** Loggers whose level was set, by name. */
  Map<String, String> logLevels();
}
