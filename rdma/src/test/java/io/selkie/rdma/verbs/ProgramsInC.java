package io.selkie.rdma.verbs;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;

/** Programs in C that measure an RDMA device: those of perftest, and one of our own. */
public final class ProgramsInC {

  /** How often a side may find that the other does not listen yet. */
  private static final int TRIES_MAX = 500;

  private final String device;
  private final InetAddress address;

  /**
   * On one device.
   *
   * @param device as the kernel calls it
   * @param address of it
   */
  public ProgramsInC(String device, InetAddress address) {
    this.device = device;
    this.address = address;
  }

  /** Median time of a read, one at a time, in microseconds. */
  public double readMicros(int bytes, int count) throws Exception {
    return perftest("ib_read_lat", bytes, count, 4);
  }

  /** Throughput of reads, several at a time, in MiB a second. */
  public double readMebibytes(int bytes, int count) throws Exception {
    return perftest("ib_read_bw", bytes, count, 3);
  }

  /** Median time of {@code ibv_reg_mr} and {@code ibv_dereg_mr}, in microseconds. */
  public double registrationMicros(int bytes, int count) throws Exception {
    return number(run("registrations", bytes + "", count + ""), 0) / 1000;
  }

  /** Both sides of a program of perftest; the number in a column of its last line. */
  private double perftest(String program, int bytes, int count, int column) throws Exception {
    // The index of the IPv4 address among those of the device; large reads move some MiB.
    List<String> passiveSide =
        List.of(program, "-d", device, "-x", "1", "-F", "-s", bytes + "", "-n", count + "");
    Process server =
        new ProcessBuilder(passiveSide)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      List<String> activeSide = new ArrayList<>(passiveSide);
      activeSide.add(address.getHostAddress());
      for (int left = TRIES_MAX; ; left--) {
        try {
          return number(run(activeSide.toArray(String[]::new)), column);
        } catch (IOException e) {
          // The other side may not listen yet.
          if (left == 0 || !server.isAlive()) {
            throw e;
          }
        }
      }
    } finally {
      server.destroyForcibly();
      server.waitFor();
    }
  }

  /** What a program says. */
  private static String run(String... words) throws Exception {
    Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(String.join(" ", words) + ": " + said);
    }
    return said;
  }

  /** A number in the last line that starts with one. */
  private static double number(String said, int column) {
    String last =
        said.lines()
            .map(String::strip)
            .filter(line -> !line.isEmpty() && Character.isDigit(line.charAt(0)))
            .reduce((first, second) -> second)
            .orElseThrow(() -> new IllegalStateException("no figures in: " + said));
    return Double.parseDouble(last.split("\\s+")[column]);
  }
}
