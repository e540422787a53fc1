package io.selkie.test.siw;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * A virtual machine whose kernel speaks iWARP by itself ({@code siw}), and the line over which its
 * peer takes commands: see {@code test/vm/siw/peer.c} for them.
 *
 * <p>Every port of the guest from {@link #PORT} to the fourth one on is also one of this machine's
 * loopback address {@link #address}, and a connection of the guest to {@link #HOST} is one to this
 * machine's loopback. One thread at a time.
 */
final class SiwGuest implements AutoCloseable {

  /** The first port that can be reached from outside. */
  static final int PORT = 7471;

  /** This machine, seen by the guest. */
  static final String HOST = "10.0.2.2";

  /** The guest, seen by itself. */
  static final String GUEST = "10.0.2.15";

  private static final int BUILD_MINUTES = 12;
  private static final int BOOT_MILLIS = 180_000;
  private static final int BOOTS_MAX = 3;
  private static final int ANSWER_MILLIS = 180_000;

  private final Path directory;
  private final String address;
  private Process machine;
  private Socket control;
  private BufferedReader in;
  private final StringBuilder failures = new StringBuilder();

  /** Builds what is missing, boots, and waits for the peer. */
  SiwGuest() throws IOException, InterruptedException {
    Path run = Path.of(System.getProperty("selkie.root"), "test/vm/siw/run");
    directory = Path.of(System.getProperty("selkie.test.dir", "target"), "siw").toAbsolutePath();
    Files.createDirectories(directory);
    // An address of its own in place of ports of its own: nobody else listens there.
    long process = ProcessHandle.current().pid();
    address =
        "127.%d.%d.%d".formatted(64 + (process >> 16 & 63), process >> 8 & 255, process & 255);
    build(run);
    // Emulation now and then ends a kernel in its first second; that says nothing of ours.
    for (int boot = 1; control == null; boot++) {
      boot(run);
      if (control == null && boot == BOOTS_MAX) {
        throw new AssertionError("the guest did not start; it said:\n" + said());
      }
    }
  }

  private void build(Path run) throws IOException, InterruptedException {
    Process build = start(run.toString(), "--build");
    if (!build.waitFor(BUILD_MINUTES, TimeUnit.MINUTES) || build.exitValue() != 0) {
      end(build);
      throw new AssertionError("the guest cannot be built:\n" + said());
    }
  }

  private Process start(String... command) throws IOException {
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("run").toFile())
        .start();
  }

  private void boot(Path run) throws IOException, InterruptedException {
    try (ServerSocket listening = new ServerSocket()) {
      listening.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      listening.setSoTimeout(BOOT_MILLIS);
      machine =
          start(
              run.toString(),
              String.valueOf(listening.getLocalPort()),
              address,
              directory.toString());
      // A machine that has ended will never call.
      var _ = machine.onExit().thenRun(() -> hangUp(listening));
      control = listening.accept();
      control.setSoTimeout(ANSWER_MILLIS);
      control.setTcpNoDelay(true);
      in = new BufferedReader(new InputStreamReader(control.getInputStream(), US_ASCII));
      String ready = in.readLine();
      if (!"ready siw0".equals(ready)) {
        throw new IOException("the peer said " + ready);
      }
    } catch (IOException e) {
      failures.append(e).append('\n');
      hangUp();
      end(machine);
    }
  }

  private static void hangUp(Closeable open) {
    try {
      open.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void hangUp() {
    if (control != null) {
      hangUp(control);
      control = null;
    }
  }

  private static void end(Process process) {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }

  /** What the machine's maker, its console and this class said. */
  private String said() throws IOException {
    StringBuilder all = new StringBuilder(failures);
    for (String name : List.of("run", "console")) {
      Path file = directory.resolve(name);
      if (Files.exists(file)) {
        all.append(Files.readString(file, ISO_8859_1));
      }
    }
    return all.toString();
  }

  /** This machine's address whose ports are the guest's. */
  String address() {
    return address;
  }

  /**
   * Has the peer do something.
   *
   * @return the words of its answer, the first of which is not {@code error}
   */
  String[] tell(Object... words) throws IOException {
    String command =
        Arrays.stream(words).map(String::valueOf).collect(Collectors.joining(" ", "", "\n"));
    control.getOutputStream().write(command.getBytes(US_ASCII));
    String answer = in.readLine();
    if (answer == null || answer.startsWith("error")) {
      throw new AssertionError(
          "%s: %s; the kernel's console ends in:%n%s"
              .formatted(command.strip(), answer, lastOf(said())));
    }
    return answer.split(" ");
  }

  private static String lastOf(String text) {
    return text.substring(Math.max(0, text.length() - 2000));
  }

  @Override
  public void close() throws InterruptedException {
    hangUp();
    // It turns itself off when nobody is on the line.
    if (!machine.waitFor(30, TimeUnit.SECONDS)) {
      end(machine);
    }
  }
}
