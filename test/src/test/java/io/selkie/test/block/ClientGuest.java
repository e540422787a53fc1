package io.selkie.test.block;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The other guest: does what it is told, a command at a time. */
final class ClientGuest implements AutoCloseable {

  private static final String ADDRESS = "192.168.77.1";
  private static final int PORT = 7000;
  private static final int BOOT_MILLIS_MAX = 480_000;
  private static final int COMMAND_MILLIS_MAX = 300_000;

  private final Socket link;
  private final DataInputStream answers;

  private ClientGuest(Socket link) throws IOException {
    this.link = link;
    this.answers = new DataInputStream(new BufferedInputStream(link.getInputStream()));
  }

  /** One that the host was asked to start. */
  static final class Booting implements AutoCloseable {
    private final ServerSocket listener;

    private Booting(ServerSocket listener) {
      this.listener = listener;
    }

    /** Waits until it is there. */
    ClientGuest await() throws IOException {
      listener.setSoTimeout(BOOT_MILLIS_MAX);
      Socket link = listener.accept();
      link.setSoTimeout(COMMAND_MILLIS_MAX);
      return new ClientGuest(link);
    }

    @Override
    public void close() throws IOException {
      listener.close();
    }
  }

  /** Has the host start it, and does not wait: there is enough to do meanwhile. */
  static Booting boot() throws IOException {
    ServerSocket listener = new ServerSocket();
    try {
      listener.bind(new InetSocketAddress(ADDRESS, PORT));
      Files.writeString(
          Path.of("/dev/control"), "client > \"$WORK/client.words\" 2>&1 < /dev/null &\n");
    } catch (IOException e) {
      listener.close();
      throw e;
    }
    return new Booting(listener);
  }

  /**
   * What came of a command.
   *
   * @param status of the shell
   * @param words of both its outputs
   */
  record Outcome(int status, String words) {}

  /** Runs a line of shell to its end, whatever comes of it. */
  Outcome attempt(String command) throws IOException {
    begin(command);
    return end();
  }

  /** Runs a line of shell that must succeed; its words. */
  String run(String command) throws IOException {
    Outcome outcome = attempt(command);
    assertThat(outcome.status()).as("%s: %s", command, outcome.words()).isZero();
    return outcome.words();
  }

  /** Starts one; {@link #end} waits for it. */
  void begin(String command) throws IOException {
    assertThat(command).doesNotContain("\n");
    link.getOutputStream().write((command + "\n").getBytes(UTF_8));
  }

  /** What came of the one that was begun. */
  Outcome end() throws IOException {
    try {
      return read();
    } catch (SocketTimeoutException e) {
      // What it would say later is no answer to what it is asked next.
      link.close();
      throw e;
    }
  }

  private Outcome read() throws IOException {
    var head = new ByteArrayOutputStream();
    for (int octet = answers.readByte(); octet != '\n'; octet = answers.readByte()) {
      head.write(octet);
    }
    String[] fields = head.toString(UTF_8).split(" ");
    byte[] words = answers.readNBytes(Integer.parseInt(fields[1]));
    return new Outcome(Integer.parseInt(fields[0]), new String(words, UTF_8));
  }

  /** Has it look at the devices that it shares with the server, and start what knows them again. */
  void findDevices() throws IOException {
    run(
        "modprobe -a nfit nd_pmem && cat /sys/bus/nd/devices/ndbus*/wait_probe"
            + " && ls -l /dev/pmem0 /dev/pmem1 && blkmapd");
  }

  /**
   * Mounts an export.
   *
   * @param options besides those that all mounts have, each with a comma before it
   */
  void mount(String export, String mountPoint, String options) throws IOException {
    run(
        "mkdir -p %s && mount -t nfs -o vers=4.2,proto=tcp%s %s %s"
            .formatted(mountPoint, options, export, mountPoint));
  }

  /** Opens a file, writes two blocks of "h", and keeps it and its layout until {@link #letGo}. */
  void hold(String path) throws IOException {
    run(
        "rm -f /tmp/go /tmp/held; mkfifo /tmp/go /tmp/held; (exec 3<> %s;".formatted(path)
            + " head -c 8192 /dev/zero | tr '\\0' 'h' >&3; sync %s; echo > /tmp/held;"
                .formatted(path)
            + " read x < /tmp/go) > /dev/null 2>&1 & read x < /tmp/held");
  }

  /** Closes the file that is held. */
  void letGo() throws IOException {
    run("echo > /tmp/go");
  }

  /** How often each operation of a mount was called, and under which name its layouts go. */
  MountStatistics statistics(String mountPoint) throws IOException {
    return MountStatistics.of(run("cat /proc/self/mountstats"), mountPoint);
  }

  @Override
  public void close() throws IOException {
    link.close();
  }
}
