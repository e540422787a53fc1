package io.selkie.test.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Debian's nfs-ganesha, started by hand on a free port with one export: NFSv4.1 and later only, no
 * grace period, no rpcbind, no delegations, owners as numbers, and otherwise as it comes.
 */
final class GaneshaProcess implements AutoCloseable {

  /** What it is called in reports, and the name of its export. */
  static final String NAME = "ganesha";

  private static final int STOP_SECONDS = 20;
  private static final int START_ROUNDS = 600;
  private static final long ROUND_MILLIS = 100;

  private final Process process;
  private final InetSocketAddress address;

  private GaneshaProcess(Process process, InetSocketAddress address) {
    this.process = process;
    this.address = address;
  }

  /** Where Debian puts it, if it is there. */
  static Optional<Path> find() {
    for (String directory : new String[] {"/usr/bin", "/usr/sbin", "/usr/local/bin"}) {
      Path program = Path.of(directory, "ganesha.nfsd");
      if (Files.isExecutable(program)) {
        return Optional.of(program);
      }
    }
    return Optional.empty();
  }

  /**
   * Starts it and returns when it takes connections.
   *
   * @param export what it serves, as {@code /bench}
   * @param scratch where its configuration, log and state lie
   */
  static GaneshaProcess start(Path program, Path export, Path scratch)
      throws IOException, InterruptedException {
    InetAddress loopback = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    int port;
    try (ServerSocket probe = new ServerSocket(0, 1, loopback)) {
      port = probe.getLocalPort();
    }
    Path recovery = Files.createDirectories(scratch.resolve("ganesha-recovery"));
    Path config = scratch.resolve("ganesha.conf");
    Path log = scratch.resolve("ganesha.log");
    Files.writeString(config, config(port, export, recovery), UTF_8);
    Process process =
        new ProcessBuilder(
                program.toString(),
                "-F",
                "-f",
                config.toString(),
                "-L",
                log.toString(),
                "-p",
                scratch.resolve("ganesha.pid").toString())
            .redirectErrorStream(true)
            .redirectOutput(scratch.resolve("ganesha.out").toFile())
            .start();
    InetSocketAddress address = new InetSocketAddress(loopback, port);
    GaneshaProcess ganesha = new GaneshaProcess(process, address);
    try {
      ganesha.awaitReady(log);
    } catch (IOException | InterruptedException e) {
      process.destroyForcibly();
      throw e;
    }
    return ganesha;
  }

  private static String config(int port, Path export, Path recovery) {
    return """
    NFS_CORE_PARAM {
      NFS_Port = %d;
      Protocols = 4;
      Bind_addr = 127.0.0.1;
      Enable_NLM = false;
      Enable_RQUOTA = false;
    }
    NFSV4 {
      Graceless = true;
      Lease_Lifetime = 60;
      Only_Numeric_Owners = true;
      Minor_Versions = 1, 2;
      RecoveryRoot = "%s";
      Delegations = false;
    }
    EXPORT {
      Export_Id = 1;
      Path = "%s";
      Pseudo = /bench;
      Protocols = 4;
      Access_Type = RW;
      Squash = No_Root_Squash;
      SecType = sys;
      FSAL { Name = VFS; }
    }
    LOG { Default_Log_Level = WARN; }
    """
        .formatted(port, recovery, export);
  }

  /** It says nothing when it is ready, so it is asked, until it answers or ends. */
  private void awaitReady(Path log) throws IOException, InterruptedException {
    for (int i = 0; i < START_ROUNDS; i++) {
      if (accepts()) {
        return;
      }
      if (process.waitFor(ROUND_MILLIS, TimeUnit.MILLISECONDS)) {
        break;
      }
    }
    throw new IOException(
        "ganesha does not start; its log ends with:\n"
            + (Files.exists(log)
                ? Files.readString(log).lines().reduce((_, last) -> last).orElse("")
                : "nothing"));
  }

  /** What it says of itself. */
  static String version(Path program) throws IOException {
    Process process =
        new ProcessBuilder(program.toString(), "-v").redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), UTF_8);
    return said.lines().findFirst().orElse("unknown").strip();
  }

  private boolean accepts() {
    try (SocketChannel socket = SocketChannel.open(address)) {
      return socket.isConnected();
    } catch (IOException _) {
      return false;
    }
  }

  InetSocketAddress address() {
    return address;
  }

  long pid() {
    return process.pid();
  }

  @Override
  public void close() throws IOException {
    process.destroy();
    try {
      if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException _) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
