package io.selkie.server.ops;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigException;
import io.selkie.config.ConfigLoader;
import io.selkie.config.ExportConfig;
import io.selkie.config.SelkieConfig;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.server.SelkieServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A server with several exports, each named like its directory. */
final class TwoExports implements AutoCloseable {

  private final Path directory;
  private final SelkieServer server;
  private final String delegations;
  private final String workers;
  private final List<FileCalls> clients = new ArrayList<>();

  /**
   * Starts.
   *
   * @param recallMillis layout.recallTimeoutMillis
   */
  TwoExports(Kernel kernel, int recallMillis, String... names) throws IOException {
    this(kernel, recallMillis, "{enabled: false}", names);
  }

  /**
   * The same with delegations.
   *
   * @param delegations their part of the configuration
   */
  TwoExports(Kernel kernel, int recallMillis, String delegations, String[] names)
      throws IOException {
    this(kernel, recallMillis, delegations, "{}", names);
  }

  /**
   * The same with workers.
   *
   * @param workers their part of the configuration
   */
  TwoExports(Kernel kernel, int recallMillis, String delegations, String workers, String[] names)
      throws IOException {
    this.delegations = delegations;
    this.workers = workers;
    Path base = Path.of(System.getProperty("selkie.test.dir", "target"));
    Files.createDirectories(base);
    directory = Files.createTempDirectory(base, "exports").toAbsolutePath();
    server = SelkieServer.start(config(recallMillis, List.of(names)), kernel);
  }

  private SelkieConfig config(int recallMillis, List<String> names) throws IOException {
    for (String name : names) {
      Files.createDirectories(of(name));
      int slash = name.indexOf('/');
      if (slash > 0) {
        // What the inner one covers of the outer one.
        Files.createDirectories(of(name.substring(0, slash)).resolve(name.substring(slash + 1)));
      }
    }
    String exports =
        names.stream()
            .map(name -> "{path: %s, name: %s}".formatted(of(name), name))
            .collect(Collectors.joining(", "));
    String yaml =
        """
        exports: [%s]
        listen: 127.0.0.1:0
        rdma: {listen: 127.0.0.1:0}
        sessions: {leaseSeconds: 1800, graceSeconds: 1800}
        layout: {recallTimeoutMillis: %d, fenceBudgetMillis: 200}
        delegations: %s
        workers: %s
        stateDirectory: %s
        """
            .formatted(exports, recallMillis, delegations, workers, directory.resolve("state"));
    try {
      return ConfigLoader.parse("fixture", yaml, CommandLineSettings.NONE);
    } catch (ConfigException e) {
      throw new AssertionError(e);
    }
  }

  /** The configuration of other exports, whose directories are made. */
  List<ExportConfig> exports(String... names) throws IOException {
    return config(500, List.of(names)).exports();
  }

  /** An export's directory; none lies in another one's, also when the exports do. */
  Path of(String name) {
    return directory.resolve("of-" + name.replace('/', '-'));
  }

  SelkieServer server() {
    return server;
  }

  FileCalls client(String owner) throws IOException {
    FileCalls client =
        FileCalls.connect(server.nfsAddress(), owner, new LinuxKernel().effectiveUid());
    clients.add(client);
    return client;
  }

  @Override
  public void close() throws IOException {
    for (FileCalls client : clients) {
      client.close();
    }
    server.close();
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
