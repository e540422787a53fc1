package io.selkie.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The whole configuration of a server, validated and immutable. {@code selkie.yaml} beside this
 * class explains each key; {@link ConfigLoader} makes one, and a running server gets from one to
 * the next by a {@link ConfigDifference}.
 *
 * @param exports what is served; names and directories are apart from each other
 * @param listen where NFS clients connect
 * @param rdma one-sided access
 * @param layout layouts and their recall
 * @param delegations delegations and when they are given
 * @param sessions clients, sessions, connections and their limits
 * @param files the passthrough file system's limits
 * @param identity users and their names
 * @param workers threads
 * @param stateDirectory what must outlive a restart; nothing chooses by the user who runs the
 *     server
 * @param log what is said
 * @param diagnostics the diagnostics listener
 * @param admin how administrators reach the server
 * @param http the server over HTTP
 */
public record SelkieConfig(
    @Setting(live = true, max = 4096) List<ExportConfig> exports,
    @Setting("127.0.0.1:2049") HostPort listen,
    RdmaConfig rdma,
    LayoutConfig layout,
    DelegationConfig delegations,
    SessionConfig sessions,
    FileConfig files,
    IdentityConfig identity,
    WorkerConfig workers,
    @Setting(value = Setting.NOTHING, max = 4096) Optional<Path> stateDirectory,
    LogConfig log,
    DiagnosticsConfig diagnostics,
    AdminConfig admin,
    HttpConfig http) {

  /** Copies the list. */
  public SelkieConfig {
    exports = List.copyOf(exports);
  }

  /** The same with other exports. */
  public SelkieConfig withExports(List<ExportConfig> others) {
    return new SelkieConfig(
        others,
        listen,
        rdma,
        layout,
        delegations,
        sessions,
        files,
        identity,
        workers,
        stateDirectory,
        log,
        diagnostics,
        admin,
        http);
  }
}
