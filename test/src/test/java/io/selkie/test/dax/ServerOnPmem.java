package io.selkie.test.dax;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigLoader;
import io.selkie.lease.PmemFileSystem.Mounted;
import io.selkie.server.SelkieServer;
import io.selkie.test.support.LongRecall;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** A server of some file systems on persistent memory, in this process; exports by device name. */
final class ServerOnPmem implements AutoCloseable {

  private final Path state;
  private final SelkieServer server;

  private ServerOnPmem(Path state, SelkieServer server) {
    this.state = state;
    this.server = server;
  }

  /** Starts one; {@code config} is YAML, with the section {@code layout} if that is not empty. */
  static ServerOnPmem start(String config, Mounted... mounted) throws Exception {
    Path state = Files.createTempDirectory("server-on-pmem-");
    Path file = state.resolve("selkie.yaml");
    Files.writeString(file, config.isEmpty() ? LongRecall.config() : config);
    List<String> exports =
        Stream.of(mounted).map(each -> each.root() + "=" + nameOf(each)).toList();
    return new ServerOnPmem(
        state,
        SelkieServer.start(
            ConfigLoader.load(
                Optional.of(file),
                new CommandLineSettings(
                    exports,
                    Optional.of("127.0.0.1:0"),
                    Optional.of("127.0.0.1:0"),
                    Optional.empty(),
                    Optional.of(state.resolve("state")),
                    Optional.of("warn")))));
  }

  /** What the export of a file system is called. */
  static String nameOf(Mounted mounted) {
    return mounted.type().name().toLowerCase(Locale.ROOT);
  }

  InetSocketAddress nfs() {
    return server.nfsAddress();
  }

  InetSocketAddress rdma() {
    return server.rdmaAddress().orElseThrow();
  }

  SelkieServer server() {
    return server;
  }

  @Override
  public void close() throws IOException {
    if (!Files.exists(state)) {
      return;
    }
    server.close();
    try (Stream<Path> files = Files.walk(state)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
