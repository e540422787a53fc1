package io.selkie.server.keeper;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.posix.Kernel;
import io.selkie.posix.NotifySocket;
import io.selkie.server.keeper.KeeperException.Reason;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code selkie keeper} as a child of the server, where no service manager keeps descriptors. It
 * outlives the server by itself: nobody here has to end it. A small JVM: about 40 MB.
 */
public final class KeeperProcess implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(KeeperProcess.class);

  private static final List<String> FLAGS =
      List.of(
          "-Xmx24m",
          "-Xss512k",
          "-XX:+UseSerialGC",
          "-XX:TieredStopAtLevel=1",
          "-XX:-UsePerfData",
          "-Xshare:auto",
          "--enable-native-access=ALL-UNNAMED",
          "--sun-misc-unsafe-memory-access=allow");

  private final Process process;
  private final NotifySocket socket;

  private KeeperProcess(Process process, NotifySocket socket) {
    this.process = process;
    this.socket = socket;
  }

  /**
   * Starts it; it listens when this returns.
   *
   * @param directory for its socket; nobody else may enter it
   * @param capacity how many descriptors it takes
   * @param patience how long it may take to start
   * @throws KeeperException when it does not; nothing is left behind
   */
  public static KeeperProcess start(Kernel kernel, Path directory, int capacity, Duration patience)
      throws KeeperException {
    long server = ProcessHandle.current().pid();
    Process process = null;
    try {
      process = builder(directory, server, capacity).start();
      CompletableFuture<String> said = new CompletableFuture<>();
      read(process, said);
      String end = said.get(patience.toMillis(), TimeUnit.MILLISECONDS);
      if (!end.equals(KeeperCommand.READY)) {
        throw new IOException("it ended and said: " + end);
      }
      var socket = new KeeperSocket(kernel, directory, server).connect();
      LOG.info("process {} keeps the leases of block layouts should this one die", process.pid());
      return new KeeperProcess(process, socket);
    } catch (IOException | ExecutionException | TimeoutException e) {
      throw notStarted(process, directory, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw notStarted(process, directory, e);
    }
  }

  private static KeeperException notStarted(Process process, Path directory, Exception e) {
    if (process != null) {
      process.destroyForcibly();
    }
    return new KeeperException(
        Reason.NOT_STARTED,
        "starting selkie keeper with its socket in %s: %s; see that this process may start others"
            .formatted(directory, e),
        e);
  }

  private static ProcessBuilder builder(Path directory, long server, int capacity) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(FLAGS);
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            "io.selkie.server.Main",
            "keeper",
            "--of=" + server,
            "--max=" + capacity,
            directory.toString()));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    // What the service manager says to the server is not said to its children.
    builder
        .environment()
        .keySet()
        .removeIf(name ->
            name.startsWith("LISTEN_")
                || name.startsWith("WATCHDOG_")
                || name.equals("NOTIFY_SOCKET"));
    return builder;
  }

  /**
   * Reads what it says for as long as it does.
   *
   * @param said gets that it is ready, or what it said last if it ended before
   */
  private static void read(Process process, CompletableFuture<String> said) {
    Thread.ofPlatform()
        .name("keeper-output")
        .daemon()
        .start(() -> {
          String last = "nothing";
          try (BufferedReader lines =
              new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
              last = line;
              if (line.equals(KeeperCommand.READY)) {
                said.complete(line);
              } else {
                LOG.warn("keeper process {}: {}", process.pid(), line);
              }
            }
          } catch (IOException e) {
            last = e.toString();
          }
          said.complete(last);
        });
  }

  /** Where it hears; to be closed by who uses it. */
  public NotifySocket socket() {
    return socket;
  }

  /** Its process id. */
  public long pid() {
    return process.pid();
  }

  /** Tells who uses its socket when it ends, which it does not do by itself while this lives. */
  public void onEnd(NotifyKeeper keeper) {
    var _ =
        process
            .onExit()
            .thenAccept(ended ->
                keeper.fail(
                    new IOException(
                        "process " + ended.pid() + " ended with status " + ended.exitValue())));
  }

  /** Ends it and whatever it keeps: for when it was only tried. */
  @Override
  public void close() {
    socket.close();
    process.destroyForcibly();
  }
}
