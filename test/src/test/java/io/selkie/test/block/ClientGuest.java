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
  private static final int BOOT_MILLIS_MAX = 300_000;
  private static final int COMMAND_MILLIS_MAX = 120_000;

  private final Socket link;
  private final DataInputStream answers;

  private ClientGuest(Socket link) throws IOException {
    this.link = link;
    this.answers = new DataInputStream(new BufferedInputStream(link.getInputStream()));
  }

  /** Has the host start it, and waits until it is there. */
  static ClientGuest start() throws IOException {
    try (ServerSocket listener = new ServerSocket()) {
      listener.bind(new InetSocketAddress(ADDRESS, PORT));
      listener.setSoTimeout(BOOT_MILLIS_MAX);
      Files.writeString(
          Path.of("/dev/control"), "client > \"$WORK/client.words\" 2>&1 < /dev/null &\n");
      Socket link = listener.accept();
      link.setSoTimeout(COMMAND_MILLIS_MAX);
      return new ClientGuest(link);
    }
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

  /** How often each operation of a mount was called, and under which name its layouts go. */
  MountStatistics statistics(String mountPoint) throws IOException {
    return MountStatistics.of(run("cat /proc/self/mountstats"), mountPoint);
  }

  @Override
  public void close() throws IOException {
    link.close();
  }
}
