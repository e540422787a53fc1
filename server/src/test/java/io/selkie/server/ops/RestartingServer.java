package io.selkie.server.ops;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigException;
import io.selkie.config.ConfigLoader;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.server.SelkieServer;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A server in this process that ends, in order or not, and comes back with the same state. */
final class RestartingServer implements AutoCloseable {

  private final Path directory;
  private final Kernel kernel;
  private final String sessions;
  private final String delegations;
  private final List<FileCalls> clients = Collections.synchronizedList(new ArrayList<>());
  private SelkieServer server;

  /**
   * Starts.
   *
   * @param sessions keys of the section, such as {@code leaseSeconds: 90}
   */
  RestartingServer(String sessions) throws IOException {
    this(sessions, "enabled: false");
  }

  /** The same with delegations, which most clients of tests do not expect. */
  RestartingServer(String sessions, String delegations) throws IOException {
    this(new LinuxKernel(), sessions, delegations);
  }

  /** The same on a kernel that a test plays with. */
  RestartingServer(Kernel kernel, String sessions, String delegations) throws IOException {
    this.kernel = kernel;
    this.sessions = sessions;
    this.delegations = delegations;
    Path base = Path.of(System.getProperty("selkie.test.dir", "target"));
    Files.createDirectories(base);
    directory = Files.createTempDirectory(base, "restart").toAbsolutePath();
    Files.createDirectory(export());
    start();
  }

  Path export() {
    return directory.resolve("export");
  }

  SelkieServer server() {
    return server;
  }

  void start() throws IOException {
    String yaml =
        """
        exports: [{path: %s, name: data}]
        listen: 127.0.0.1:0
        rdma: {listen: 127.0.0.1:0}
        layout: {recallTimeoutMillis: 500, fenceBudgetMillis: 200}
        sessions: {%s}
        delegations: {%s}
        stateDirectory: %s
        """
            .formatted(export(), sessions, delegations, directory.resolve("state"));
    try {
      server =
          SelkieServer.start(ConfigLoader.parse("restart", yaml, CommandLineSettings.NONE), kernel);
    } catch (ConfigException e) {
      throw new AssertionError(e);
    }
  }

  /** Ends without a word to the clients, and is back. */
  void crash() throws IOException {
    closeClients();
    server.close();
    start();
  }

  /** Ends in order, and is back. */
  void restart() throws IOException {
    server.stop(Duration.ofSeconds(10));
    closeClients();
    start();
  }

  /** A client that has said RECLAIM_COMPLETE. */
  FileCalls client(String owner) throws IOException {
    return keep(FileCalls.connect(server.nfsAddress(), owner, new LinuxKernel().effectiveUid()));
  }

  /** A client that has not. */
  FileCalls reclaiming(String owner, long verifier) throws IOException {
    Nfs41TestClient connection =
        Nfs41TestClient.connect(server.nfsAddress()).as(new LinuxKernel().effectiveUid());
    TestSession session =
        TestSession.open(
            connection, owner, verifier, SessionConst4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
    return keep(FileCalls.of(connection, session, owner));
  }

  private FileCalls keep(FileCalls client) {
    clients.add(client);
    return client;
  }

  private void closeClients() throws IOException {
    for (FileCalls client : clients) {
      client.close();
    }
    clients.clear();
  }

  @Override
  public void close() throws IOException {
    closeClients();
    server.close();
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
