package io.selkie.test.client;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigLoader;
import io.selkie.config.time.NanoClock;
import io.selkie.server.SelkieServer;
import io.selkie.test.support.LongRecall;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A server of a fresh directory in this process. */
final class RealServer implements AutoCloseable {
  /** For tests of clients that do not answer: they wait until this is over. */
  static final int SHORT_RECALL_MILLIS = 1000;

  private final int recallMillis;
  private final Path folder;
  private final Path export;
  private SelkieServer server;

  RealServer() throws Exception {
    this(LongRecall.millis());
  }

  RealServer(int recallMillis) throws Exception {
    this.recallMillis = recallMillis;
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    Files.createDirectories(base);
    folder = Files.createTempDirectory(base, "client-system-");
    export = Files.createDirectory(folder.resolve("export"));
    start("127.0.0.1:0");
  }

  private void start(String listen) throws Exception {
    Path config = folder.resolve("selkie.yaml");
    Files.writeString(
        config,
        "layout: {recallTimeoutMillis: %d, fenceBudgetMillis: 500}\n".formatted(recallMillis));
    server =
        SelkieServer.start(
            ConfigLoader.load(
                Optional.of(config),
                new CommandLineSettings(
                    List.of(export + "=data"),
                    Optional.of(listen),
                    Optional.of("127.0.0.1:0"),
                    Optional.empty(),
                    Optional.of(folder.resolve("state")),
                    Optional.of("warn"))));
  }

  /** Ends the server without a word to its clients and starts it again on the same port. */
  void restart() throws Exception {
    int port = port();
    server.close();
    start("127.0.0.1:" + port);
  }

  int port() {
    return server.nfsAddress().getPort();
  }

  /** The file as the local system sees it. */
  Path local(String name) {
    return export.resolve(name);
  }

  /**
   * Cuts a file off in another process. Not with truncate(1), which opens with O_NONBLOCK and so is
   * refused instead of kept waiting.
   */
  Duration truncate(String name, long sizeBytes) throws IOException, InterruptedException {
    return run("dd", "status=none", "count=0", "bs=1", "seek=" + sizeBytes, "of=" + local(name));
  }

  /** Opens a file for writing in another process, which breaks a seal and changes nothing. */
  Duration openForWriting(String name) throws IOException, InterruptedException {
    return run("dd", "status=none", "count=0", "conv=notrunc", "of=" + local(name));
  }

  /** Runs another process to its end, within a bound, and returns how long it took. */
  static Duration run(String... command) throws IOException, InterruptedException {
    NanoClock clock = NanoClock.system();
    long start = clock.nanoTime();
    Process process = new ProcessBuilder(command).inheritIO().start();
    if (!process.waitFor(40, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError(String.join(" ", command) + " does not end");
    }
    if (process.exitValue() != 0) {
      throw new AssertionError(String.join(" ", command) + " ends with " + process.exitValue());
    }
    return Duration.ofNanos(clock.nanoTime() - start);
  }

  @Override
  public void close() throws IOException {
    server.close();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
