package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A server in a process of its own on a fresh export, with little memory and short patience, so
 * that a test finds out in seconds what would else take a day.
 */
final class ServerUnderTest implements AutoCloseable {

  private static final long HEAP_MIB = 160;
  private static final long DIRECT_MIB = 192;

  /** What the Java machine takes besides its heap and direct buffers: code, threads, metadata. */
  private static final long REST_MIB = 384;

  /** The client that holds something does nothing else, and the test may take its time. */
  static final String LONG_LEASES =
      """
      sessions:
        leaseSeconds: 1800
        graceSeconds: 1800
      """;

  /** Clients that do not return layouts are fenced soon; fits the shortest lease-break-time. */
  private static final String SHORT_PATIENCE =
      """
      layout:
        recallTimeoutMillis: 1200
        fenceBudgetMillis: 700
      """;

  private final ScratchDirectory scratch;
  private final ServerProcess server;

  private ServerUnderTest(ScratchDirectory scratch, ServerProcess server) {
    this.scratch = scratch;
    this.server = server;
  }

  /** Starts one; {@code config} is YAML besides the exports and addresses. */
  static ServerUnderTest start(String config) throws Exception {
    ScratchDirectory scratch = scratch();
    try {
      Path export = Files.createDirectory(scratch.resolve("export"));
      return new ServerUnderTest(scratch, serverOf(export, config).start());
    } catch (IOException | InterruptedException e) {
      scratch.close();
      throw e;
    }
  }

  /** How such a server is started, for tests that start more than one. */
  static ServerProcess.Builder serverOf(Path export, String config) {
    return ServerProcess.of(export)
        .config(config.contains("layout:") ? config : config + SHORT_PATIENCE)
        .jvmFlags(
            "-Xmx" + HEAP_MIB + "m",
            "-XX:MaxDirectMemorySize=" + DIRECT_MIB + "m",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1");
  }

  /** A scratch directory on a file system that tells block maps. */
  static ScratchDirectory scratch() throws IOException {
    String chosen = System.getProperty("selkie.test.dir", "target");
    return ScratchDirectory.in(Path.of(chosen).toAbsolutePath(), "system-");
  }

  /** The server. */
  ServerProcess server() {
    return server;
  }

  /** Fails unless the server runs and uses no more memory than it was given. */
  void assertSound() throws IOException {
    assertThat(server.isAlive()).as("the server runs; it said:\n%s", server.log()).isTrue();
    assertThat(server.residentKib() >> 10)
        .as("MiB of memory that the server uses")
        .isLessThan(HEAP_MIB + DIRECT_MIB + REST_MIB);
    assertThat(server.log()).doesNotContain("OutOfMemoryError").doesNotContain("LEAK:");
  }

  @Override
  public void close() throws IOException {
    server.close();
    scratch.close();
  }
}
