package io.selkie.server.ops;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigException;
import io.selkie.config.ConfigLoader;
import io.selkie.config.SelkieConfig;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.SystemFacts;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.server.SelkieServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A whole server with one export, {@code data}, on a directory of a real file system. */
final class ServerFixture implements AutoCloseable {

  /** For tests of holders who never answer: they wait until this is over. */
  static final int SHORT_RECALL_MILLIS = 500;

  private static final int FENCE_MILLIS = 200;

  private final Path directory;
  private final SelkieServer server;
  private final List<FileCalls> clients = new ArrayList<>();

  ServerFixture() throws IOException {
    this(new LinuxKernel(), "");
  }

  /**
   * Starts.
   *
   * @param exportKeys more keys of the export, such as {@code readOnly: true}
   */
  ServerFixture(Kernel kernel, String exportKeys) throws IOException {
    this(kernel, exportKeys, "{enabled: false}");
  }

  /** The same with delegations, which most clients of tests do not expect; {@code {}} for some. */
  ServerFixture(Kernel kernel, String exportKeys, String delegations) throws IOException {
    this(kernel, exportKeys, delegations, longRecallMillis());
  }

  /**
   * The same with a deadline for recalls.
   *
   * @param recallMillis layout.recallTimeoutMillis
   */
  ServerFixture(Kernel kernel, String exportKeys, String delegations, int recallMillis)
      throws IOException {
    this(kernel, exportKeys, delegations, "recallTimeoutMillis: " + recallMillis, "");
  }

  /**
   * With whatever a test wants.
   *
   * @param layout more keys of the section
   * @param more whole top-level keys, each on a line, none of those that are set here
   */
  ServerFixture(Kernel kernel, String exportKeys, String delegations, String layout, String more)
      throws IOException {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target"));
    Files.createDirectories(base);
    directory = Files.createTempDirectory(base, "server").toAbsolutePath();
    Files.createDirectory(export());
    server = SelkieServer.start(config(exportKeys, delegations, layout, more), kernel);
  }

  /**
   * As long as this machine's lease-break-time allows: who answers shall be in time even where
   * everything is slow.
   */
  static int longRecallMillis() throws IOException {
    int seconds = SystemFacts.of(new LinuxKernel()).leaseBreakSeconds();
    if (seconds <= 0) {
      return 60_000;
    }
    long margin = LeaseDeadlines.MARGIN.toMillis();
    return (int) Math.min(60_000, seconds * 1000L - margin - FENCE_MILLIS);
  }

  private SelkieConfig config(String exportKeys, String delegations, String layout, String more) {
    String yaml =
        """
        exports: [{path: %s, name: data%s}]
        listen: 127.0.0.1:0
        rdma: {listen: 127.0.0.1:0}
        layout: {%s, fenceBudgetMillis: %d}
        delegations: %s
        stateDirectory: %s
        %s
        """
            .formatted(
                export(),
                exportKeys.isEmpty() ? "" : ", " + exportKeys,
                layout,
                FENCE_MILLIS,
                delegations,
                directory.resolve("state"),
                more);
    try {
      return ConfigLoader.parse("fixture", yaml, CommandLineSettings.NONE);
    } catch (ConfigException e) {
      throw new AssertionError(e);
    }
  }

  /** The exported directory. */
  Path export() {
    return directory.resolve("export");
  }

  SelkieServer server() {
    return server;
  }

  /** A client, as the user this test runs as. */
  FileCalls client(String owner) throws IOException {
    return client(owner, new LinuxKernel().effectiveUid());
  }

  FileCalls client(String owner, int uid) throws IOException {
    return client(owner, uid, uid);
  }

  FileCalls client(String owner, int uid, int gid, int... groups) throws IOException {
    FileCalls client = FileCalls.connect(server.nfsAddress(), owner, uid, gid, groups);
    clients.add(client);
    return client;
  }

  /** A client from another address of this machine; null as credential for AUTH_NONE. */
  FileCalls clientFrom(String address, AuthSys credential) throws IOException {
    String owner = address + (credential == null ? " none" : " " + credential.uid());
    FileCalls client = FileCalls.connectFrom(address, server.nfsAddress(), owner, credential);
    clients.add(client);
    return client;
  }

  /** A client with CREATE_SESSION's flags. */
  FileCalls clientWith(String owner, int sessionFlags) throws IOException {
    FileCalls client =
        FileCalls.connectWith(
            server.nfsAddress(), owner, new LinuxKernel().effectiveUid(), sessionFlags);
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
