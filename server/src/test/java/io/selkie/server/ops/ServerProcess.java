package io.selkie.server.ops;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.posix.LinuxKernel;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** {@code selkie serve} in a process of its own; it has started when it says so. */
final class ServerProcess implements AutoCloseable {

  private static final int EXIT_SECONDS = 60;

  private final Process process;
  private final JsonNode ready;

  /**
   * Starts one and waits until it is ready.
   *
   * @param directory holds {@code export}, {@code state} and the configuration
   */
  static ServerProcess start(Path directory) throws IOException {
    Files.createDirectories(directory.resolve("export"));
    Path config = directory.resolve("selkie.yaml");
    Files.writeString(
        config,
        """
        layout: {recallTimeoutMillis: 500, fenceBudgetMillis: 200}
        delegations: {enabled: false}
        """);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("@" + Path.of(System.getProperty("selkie.root"), "bin", "jvm.options"));
    command.add("-XX:TieredStopAtLevel=1");
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of("io.selkie.server.Main", "serve", "--json-ready"));
    command.addAll(List.of("--config", config.toString()));
    command.addAll(List.of("--export", directory.resolve("export") + "=data"));
    command.addAll(List.of("--listen", "127.0.0.1:0", "--rdma-listen", "127.0.0.1:0"));
    command.addAll(List.of("--state-dir", directory.resolve("state").toString()));
    command.addAll(List.of("--log-level", "warn"));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try {
      return new ServerProcess(process, new ObjectMapper().readTree(readyLine(process)));
    } catch (IOException | AssertionError e) {
      process.destroyForcibly();
      throw e;
    }
  }

  /** Tests log to standard output too, so the line is looked for. */
  private static String readyLine(Process process) throws IOException {
    BufferedReader reader =
        new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      if (line.startsWith("{")) {
        return line;
      }
    }
    throw new AssertionError("the server did not start, see standard error");
  }

  private ServerProcess(Process process, JsonNode ready) {
    this.process = process;
    this.ready = ready;
  }

  FileCalls client(String owner) throws IOException {
    return FileCalls.connect(address("nfs"), owner, new LinuxKernel().effectiveUid());
  }

  InetSocketAddress address(String which) {
    String text = ready.get(which).asText();
    int colon = text.lastIndexOf(':');
    return new InetSocketAddress(
        text.substring(0, colon), Integer.parseInt(text.substring(colon + 1)));
  }

  /** SIGTERM; the exit status. */
  int terminate() throws InterruptedException {
    process.destroy();
    return awaitExit();
  }

  /** SIGKILL; the exit status. */
  int kill() throws InterruptedException {
    process.destroyForcibly();
    return awaitExit();
  }

  private int awaitExit() throws InterruptedException {
    if (!process.waitFor(EXIT_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("the server does not end");
    }
    return process.exitValue();
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
