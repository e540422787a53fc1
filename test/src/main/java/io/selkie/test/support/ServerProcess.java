package io.selkie.test.support;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.config.time.NanoClock;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code selkie serve} in a process of its own, on ports that the system chose. Nothing waits by
 * time: it has started when it says so on its standard output.
 *
 * <p>Safe for use by several threads. {@link #close()} ends the process, whatever state it is in.
 */
public final class ServerProcess implements AutoCloseable {

  private static final int START_SECONDS = 300;
  private static final int EXIT_SECONDS = 60;
  private static final int LOG_SECONDS = 60;
  private static final int LOG_CHARS_MAX = 1 << 20;

  private final Process process;
  private final Path export;
  private final String exportName;
  private final StringBuilder log = new StringBuilder();
  private final CompletableFuture<Addresses> ready = new CompletableFuture<>();
  private final Thread reader =
      Thread.ofPlatform().daemon().name("server-output").unstarted(this::readOutput);
  private Addresses addresses;

  private record Addresses(
      InetSocketAddress nfs, InetSocketAddress rdma, InetSocketAddress diagnostics) {}

  private ServerProcess(Process process, Path export, String exportName) {
    this.process = process;
    this.export = export;
    this.exportName = exportName;
  }

  /** What to start. */
  public static final class Builder {

    private final Path export;
    private final String name;
    private final boolean isConfigured;
    private final List<String> prefix = new ArrayList<>();
    private final List<String> jvmFlags = new ArrayList<>();
    private final StringBuilder config = new StringBuilder();
    private String classPath = ChildJvm.classPath();
    private Path scratch;
    private String listen = "127.0.0.1:0";
    private String rdmaListen = "127.0.0.1:0";

    private Builder(Path export, String name, boolean isConfigured) {
      this.export = export;
      this.name = name;
      this.isConfigured = isConfigured;
      this.scratch = export.resolveSibling(export.getFileName() + ".state");
    }

    /** Words before the command, such as those of a program that changes the user. */
    public Builder under(List<String> words) {
      prefix.addAll(words);
      return this;
    }

    /** More flags for the Java machine. */
    public Builder jvmFlags(String... flags) {
      jvmFlags.addAll(List.of(flags));
      return this;
    }

    /** Another class path than that of this process. */
    public Builder classPath(String path) {
      classPath = path;
      return this;
    }

    /** More configuration, in YAML: whole top-level keys, but none of those that are set here. */
    public Builder config(String yaml) {
      config.append(yaml);
      if (!yaml.endsWith("\n")) {
        config.append('\n');
      }
      return this;
    }

    /** Where its configuration and its state lie; beside the export unless said. */
    public Builder scratch(Path directory) {
      scratch = directory;
      return this;
    }

    /** Of which address of this machine queue pairs come in; an RDMA device has its own. */
    public Builder rdmaHost(String host) {
      rdmaListen = host + ":0";
      return this;
    }

    /** The addresses of a server that was there before, to take its place. */
    public Builder inPlaceOf(ServerProcess other) {
      listen = text(other.nfs());
      rdmaListen = text(other.rdma());
      return this;
    }

    /** Where NFS clients connect, as {@code ADDRESS:PORT}. */
    public Builder listen(String address) {
      listen = address;
      return this;
    }

    private static String text(InetSocketAddress address) {
      return address.getAddress().getHostAddress() + ":" + address.getPort();
    }

    /** Starts it and returns when it is ready. */
    public ServerProcess start() throws IOException, InterruptedException {
      Files.createDirectories(scratch);
      Path file = scratch.resolve("selkie.yaml");
      Files.writeString(file, config);
      List<String> arguments = new ArrayList<>(List.of("serve"));
      if (!isConfigured) {
        arguments.addAll(List.of("--export", export + "=" + name));
      }
      arguments.addAll(
          List.of(
              "--config",
              file.toString(),
              "--listen",
              listen,
              "--rdma-listen",
              rdmaListen,
              "--bench-listen",
              "127.0.0.1:0",
              "--state-dir",
              scratch.resolve("state").toString()));
      List<String> command = new ArrayList<>(prefix);
      command.addAll(ChildJvm.command(classPath, jvmFlags, "io.selkie.server.Main", arguments));
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      ServerProcess server = new ServerProcess(process, export, name);
      server.reader.start();
      server.awaitReady();
      return server;
    }
  }

  /** A server of this directory. */
  public static Builder of(Path export) {
    return new Builder(export, String.valueOf(export.getFileName()), false);
  }

  /**
   * A server of a DAX device.
   *
   * @param name of the export
   * @param file what the device is called in it
   */
  public static Builder ofDevice(Path device, String name, String file) {
    return new Builder(device, name, true)
        .config("exports: [{device: %s, file: %s, name: %s}]".formatted(device, file, name));
  }

  /**
   * A server of what its configuration names.
   *
   * @param export one of the directories
   * @param config as of {@link Builder#config}, and what is exported
   */
  public static Builder ofExports(Path export, String config) {
    return new Builder(export, String.valueOf(export.getFileName()), true).config(config);
  }

  private void awaitReady() throws IOException, InterruptedException {
    try {
      addresses = ready.get(START_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      process.destroyForcibly();
      throw new IOException("the server did not start; it said:\n" + log(), e);
    }
  }

  private void readOutput() {
    try (BufferedReader reader =
        new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        say(line);
        Addresses found = addresses(line);
        if (found != null) {
          ready.complete(found);
        }
      }
    } catch (IOException e) {
      say(e.toString());
    }
    ready.completeExceptionally(new IOException("it ended before it was ready"));
  }

  private void say(String line) {
    synchronized (log) {
      if (log.length() < LOG_CHARS_MAX) {
        log.append(line).append('\n');
        log.notifyAll();
      }
    }
  }

  /**
   * Waits until it has said something: what a client has seen done is said, but perhaps not read
   * yet.
   *
   * @throws IOException when it does not come within a minute
   */
  public void awaitLog(String words) throws IOException, InterruptedException {
    NanoClock clock = NanoClock.system();
    long deadline = clock.nanoTime() + TimeUnit.SECONDS.toNanos(LOG_SECONDS);
    synchronized (log) {
      while (log.indexOf(words) < 0) {
        long millis = TimeUnit.NANOSECONDS.toMillis(deadline - clock.nanoTime());
        if (millis <= 0) {
          throw new IOException("it did not say \"" + words + "\"; it said:\n" + log);
        }
        log.wait(millis);
      }
    }
  }

  private static final Pattern READY =
      Pattern.compile("ready.* nfs=(\\S+):(\\d+) rdma=(\\S+):(\\d+) diagnostics=(\\S+):(\\d+)");

  private static Addresses addresses(String line) {
    Matcher matcher = READY.matcher(line);
    if (!matcher.find()) {
      return null;
    }
    return new Addresses(
        new InetSocketAddress(matcher.group(1), Integer.parseInt(matcher.group(2))),
        new InetSocketAddress(matcher.group(3), Integer.parseInt(matcher.group(4))),
        new InetSocketAddress(matcher.group(5), Integer.parseInt(matcher.group(6))));
  }

  /** Where NFS clients connect. */
  public InetSocketAddress nfs() {
    return addresses.nfs();
  }

  /** Where queue pairs connect. */
  public InetSocketAddress rdma() {
    return addresses.rdma();
  }

  /** Where the bare echo and the counters are. */
  public InetSocketAddress diagnostics() {
    return addresses.diagnostics();
  }

  /** The directory it serves. */
  public Path export() {
    return export;
  }

  /** Its name beneath the server's root. */
  public String exportName() {
    return exportName;
  }

  /** The process id. */
  public long pid() {
    return process.pid();
  }

  /** Whether it runs. */
  public boolean isAlive() {
    return process.isAlive();
  }

  /** What it said so far, its beginning if that was very much. */
  public String log() {
    synchronized (log) {
      return log.toString();
    }
  }

  /** Asks it to stop (SIGTERM) and waits until it has; its exit status. */
  public int terminate() throws InterruptedException, IOException {
    process.toHandle().destroy();
    return awaitExit();
  }

  /** Kills it (SIGKILL) and waits until the kernel has taken it apart. */
  public int kill() throws InterruptedException, IOException {
    process.toHandle().destroyForcibly();
    return awaitExit();
  }

  private int awaitExit() throws InterruptedException, IOException {
    if (!process.waitFor(EXIT_SECONDS, TimeUnit.SECONDS)) {
      throw new IOException("the server does not end; it said:\n" + log());
    }
    // Its last words are in the pipe.
    reader.join(TimeUnit.SECONDS.toMillis(EXIT_SECONDS));
    return process.exitValue();
  }

  /** Memory of the process that is in RAM, in KiB. */
  public long residentKib() throws IOException {
    return status("VmRSS:");
  }

  /** Open file descriptors. */
  public long descriptors() throws IOException {
    try (var list = Files.list(Path.of("/proc", Long.toString(pid()), "fd"))) {
      return list.count();
    }
  }

  private long status(String key) throws IOException {
    try (var lines = Files.lines(Path.of("/proc", Long.toString(pid()), "status"), UTF_8)) {
      return lines
          .filter(line -> line.startsWith(key))
          .map(line -> Long.parseLong(line.replaceAll("\\D+", "")))
          .findFirst()
          .orElseThrow(() -> new IOException("no " + key + " in the status of " + pid()));
    }
  }

  @Override
  public void close() throws IOException {
    process.destroyForcibly();
    try {
      process.waitFor(EXIT_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
