package io.selkie.test.demo;

import io.selkie.client.ClientOptions;
import io.selkie.client.DirectMode;
import io.selkie.client.RecallBehaviour;
import io.selkie.client.SelkieClient;
import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigException;
import io.selkie.config.ConfigLoader;
import io.selkie.config.SelkieConfig;
import io.selkie.config.time.NanoClock;
import io.selkie.server.Logging;
import io.selkie.server.SelkieServer;
import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.Workspace;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** The demonstration: a server in this process, clients beside it, other processes against both. */
final class Demo implements AutoCloseable {

  static final int RECALL_TIMEOUT_MILLIS = 600;
  static final String EXPORT = "demo";

  private static final int REHEARSALS = 5;
  private static final Duration STOP_BOUND = Duration.ofSeconds(10);

  /** Short patience, so that nobody who watches has to have much. */
  private static final String CONFIG =
      """
      layout:
        recallTimeoutMillis: %d
        fenceBudgetMillis: 1000
      # Nobody asks this server; where scratch lies deep, the path of a socket would be too long.
      admin: {enabled: false}
      """
          .formatted(RECALL_TIMEOUT_MILLIS);

  private final NanoClock clock;
  private final DemoReport report;
  private final ScratchDirectory scratch;
  private final SelkieServer server;
  private final Path export;
  private final Path source;
  private final long startedNanos;

  private Demo(
      NanoClock clock,
      DemoReport report,
      ScratchDirectory scratch,
      SelkieServer server,
      Path export,
      Path source,
      long startedNanos) {
    this.clock = clock;
    this.report = report;
    this.scratch = scratch;
    this.server = server;
    this.export = export;
    this.source = source;
    this.startedNanos = startedNanos;
  }

  /** Starts the server. */
  static Demo start(
      NanoClock clock, DemoReport report, Optional<Path> directory, Optional<Path> file)
      throws IOException {
    long started = clock.nanoTime();
    ScratchDirectory scratch = ScratchDirectory.in(Workspace.choose(directory), "selkie-demo-");
    try {
      Path export = Files.createDirectory(scratch.resolve("export"));
      Path source = SourceFile.choose(file, scratch);
      SelkieServer server = startServer(export, scratch.resolve("state"));
      return new Demo(clock, report, scratch, server, export, source, started);
    } catch (IOException | ConfigException e) {
      scratch.close();
      throw e instanceof IOException io ? io : new IOException(e.getMessage(), e);
    }
  }

  private static SelkieServer startServer(Path export, Path state)
      throws IOException, ConfigException {
    CommandLineSettings settings =
        new CommandLineSettings(
            List.of(export + "=" + EXPORT),
            Optional.of("127.0.0.1:0"),
            Optional.of("127.0.0.1:0"),
            Optional.empty(),
            Optional.of(state),
            Optional.of("error"));
    SelkieConfig config = ConfigLoader.parse("selkie demo", CONFIG, settings);
    Logging.level(config.log().level());
    return SelkieServer.start(config);
  }

  /** Runs all of it. */
  void run() throws Exception {
    introduce();
    try (SelkieClient client = connect(ClientOptions.defaults())) {
      new CopyAct(this, client).run();
      report.clientCounters(client.counters().snapshot());
    }
    rehearse();
    new RecallAct(this).run();
    new FenceAct(this).run();
    report.serverMetrics(server.metrics().values(), server.metrics().table());
    report.conclude((clock.nanoTime() - startedNanos) / 1e9);
  }

  /** The first recall of a process is one of class loading; what is shown is a later one. */
  private void rehearse() throws IOException, InterruptedException {
    for (int i = 0; i < REHEARSALS; i++) {
      try (Conflict conflict = new Conflict(this, "rehearsed-" + i, RecallBehaviour.answer())) {
        conflict.truncate();
      }
    }
  }

  private void introduce() throws IOException {
    report.act("server", "A server on a temporary export");
    String fileSystem = Files.getFileStore(export).type();
    report.fact("export", export.toString(), "export   " + export + " (" + fileSystem + ")");
    report.fact("file_system", fileSystem);
    report.fact("nfs", server.nfsAddress().toString(), "NFSv4.1  " + text(server.nfsAddress()));
    InetSocketAddress rdma =
        server.rdmaAddress().orElseThrow(() -> new IOException("one-sided access is off"));
    report.fact("rdma", rdma.toString(), "RDMA     " + text(rdma) + ", software iWARP");
    report.fact("recall_timeout_ms", RECALL_TIMEOUT_MILLIS);
    report.check("layouts_offered", "the server offers RDMA layouts", offersLayouts(), "yes");
  }

  private boolean offersLayouts() throws IOException {
    try (SelkieClient client = connect(ClientOptions.defaults())) {
      return client.offersLayouts();
    }
  }

  private static String text(InetSocketAddress address) {
    return address.getAddress().getHostAddress() + ":" + address.getPort();
  }

  /** A client whose data goes one-sided or not at all. */
  SelkieClient connect(ClientOptions options) throws IOException {
    return SelkieClient.connect(
        server.nfsAddress().getHostString(),
        server.nfsAddress().getPort(),
        options.withDirectMode(DirectMode.REQUIRE));
  }

  NanoClock clock() {
    return clock;
  }

  DemoReport report() {
    return report;
  }

  SelkieServer server() {
    return server;
  }

  /** Where a file of the export lies on the server's disk. */
  Path onDisk(String name) {
    return export.resolve(name);
  }

  /** What clients call it. */
  String path(String name) {
    return "/" + EXPORT + "/" + name;
  }

  Path source() {
    return source;
  }

  /** A place beside the export. */
  Path aside(String name) {
    return scratch.resolve(name);
  }

  @Override
  public void close() throws IOException {
    server.stop(STOP_BOUND);
    scratch.close();
  }
}
