package io.selkie.test.drill;

import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.support.Workspace;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A server of our own on a temporary directory, in a process of its own: so it can be killed, and
 * what the drill does to its files breaks leases as any other process does. For one thread.
 */
final class ThrowAwayServer implements Target {

  private static final String EXPORT = "drill";

  private final ScratchDirectory scratch;
  private final ScratchDirectory socketDirectory;
  private final Path export;
  private final Scenario.Server settings;
  private final String classPath;
  private ServerProcess process;

  private ThrowAwayServer(
      ScratchDirectory scratch,
      ScratchDirectory socketDirectory,
      Path export,
      Scenario.Server settings,
      String classPath) {
    this.scratch = scratch;
    this.socketDirectory = socketDirectory;
    this.export = export;
    this.settings = settings;
    this.classPath = classPath;
  }

  /**
   * Starts one.
   *
   * @param directory where its files go; not a tmpfs
   * @param classPath of its process
   */
  static ThrowAwayServer start(Optional<Path> directory, Scenario.Server settings, String classPath)
      throws IOException, InterruptedException {
    ScratchDirectory scratch = ScratchDirectory.in(Workspace.choose(directory), "selkie-drill-");
    // A socket's path has to be short, and that of the scratch directory may be long.
    ScratchDirectory socket =
        ScratchDirectory.in(Path.of(System.getProperty("java.io.tmpdir")), "selkie-drill-");
    ThrowAwayServer server = null;
    boolean done = false;
    try {
      Path export = Files.createDirectory(scratch.resolve(EXPORT));
      server = new ThrowAwayServer(scratch, socket, export, settings, classPath);
      server.process = server.builder().start();
      done = true;
      return server;
    } finally {
      if (!done) {
        socket.close();
        scratch.close();
      }
    }
  }

  private ServerProcess.Builder builder() {
    return ServerProcess.of(export)
        .classPath(classPath)
        .scratch(scratch.resolve("state"))
        .config(
            """
            layout: {recallTimeoutMillis: %d, fenceBudgetMillis: %d}
            sessions: {leaseSeconds: 30, graceSeconds: 30}
            http: {enabled: false}
            admin: {socket: %s}
            """
                .formatted(settings.recallTimeoutMillis(), settings.fenceBudgetMillis(), socket()))
        // Its log is a server's, whatever the class path has besides.
        .jvmFlags(
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dlogback.configurationFile=logback.xml");
  }

  /** What it was started with. */
  Scenario.Server settings() {
    return settings;
  }

  /** What it has said so far. */
  String log() {
    return process.log();
  }

  /** Whether it runs. */
  boolean isAlive() {
    return process.isAlive();
  }

  @Override
  public InetSocketAddress nfs() {
    return process.nfs();
  }

  @Override
  public Path socket() {
    return socketDirectory.resolve("ctl.sock");
  }

  @Override
  public Path directory() {
    return export;
  }

  @Override
  public String exportName() {
    return EXPORT;
  }

  @Override
  public boolean isOurs() {
    return true;
  }

  @Override
  public int stop() throws IOException, InterruptedException {
    return process.terminate();
  }

  @Override
  public void kill() throws IOException, InterruptedException {
    int _ = process.kill();
  }

  @Override
  public void start() throws IOException, InterruptedException {
    process = builder().inPlaceOf(process).start();
  }

  @Override
  public void close() throws IOException {
    // In this order, each whatever became of the one before.
    try (ScratchDirectory _ = scratch;
        ScratchDirectory _ = socketDirectory) {
      process.close();
    }
  }
}
