package io.selkie.rdma.verbs;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.rdma.CompletionQueue;
import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePair.PostResult;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.RdmaListener;
import io.selkie.rdma.RemoteAccess;
import io.selkie.rdma.WorkStatus;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * How the provider compares with programs in C on the same device and machine: {@code ib_read_lat}
 * and {@code ib_read_bw} of perftest, and {@code registrations} of test/vm/verbs. Both sides of a
 * connection are on this machine. Each is measured in turn, several times; what counts is the
 * median of the ratios, because a machine that others use is not the same for long.
 */
final class Speed implements AutoCloseable {

  /** Of the larger reads, and of the regions. */
  static final int LARGE_BYTES = 1 << 20;

  static final int SMALL_BYTES = 4096;

  private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(120);
  private static final int IN_FLIGHT = 16;

  /**
   * What came of a comparison.
   *
   * @param ours median of the provider, {@code theirs} that of the program in C
   * @param ratio median of the ratios, ours to theirs
   */
  record Ratio(String what, String unit, double ours, double theirs, double ratio) {
    @Override
    public String toString() {
      return "%-28s %10.1f %10.1f %-6s %6.2f".formatted(what, ours, theirs, unit, ratio);
    }
  }

  @FunctionalInterface
  private interface Measure {
    double take() throws Exception;
  }

  private final InetAddress address;
  private final VerbsProvider provider;
  private final ProtectionDomain passive;
  private final ProtectionDomain active;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment local = arena.allocate(LARGE_BYTES, SMALL_BYTES);
  private final MemoryRegion localRegion;
  private final MemoryRegion remoteRegion;
  private final RdmaListener listener;
  private final QueuePair pair;
  private final CompletionQueue.Sink sink = this::onCompletion;
  private int completed;

  Speed(InetAddress address) throws Exception {
    this.address = address;
    provider = VerbsProvider.open(VerbsConfig.DEFAULTS.withAddress(address));
    passive = provider.allocateProtectionDomain("passive");
    active = provider.allocateProtectionDomain("active");
    MemorySegment remote = arena.allocate(LARGE_BYTES, SMALL_BYTES);
    remoteRegion = passive.register(remote, EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE));
    localRegion = active.register(local, Set.of());
    listener =
        provider.listen(
            new InetSocketAddress(address, 0),
            request -> new ConnectionAcceptor.Accept(passive, ByteBuffer.allocate(0), QUIET));
    pair =
        provider.connect(
            listener.address(),
            active,
            new ConnectOptions(ByteBuffer.allocate(0), 64, IN_FLIGHT, Long.MAX_VALUE, 60_000));
  }

  private static final QueuePairListener QUIET =
      new QueuePairListener() {
        @Override
        public void onEstablished(QueuePair queuePair) {}

        @Override
        public void onMessage(ByteBuffer message, int invalidatedKey) {}

        @Override
        public void onClosed(DisconnectCause cause) {}
      };

  /** Prints the ratios. Argument: how many times to measure each. */
  public static void main(String[] arguments) throws Exception {
    int rounds = Integer.parseInt(arguments[0]);
    InetAddress address = InetAddress.getByName(System.getProperty("selkie.verbs.address"));
    try (Speed speed = new Speed(address)) {
      System.out.printf("%-28s %10s %10s %-6s %6s%n", "", "selkie", "C", "", "ratio");
      System.out.println(speed.smallReads(rounds, 2000));
      System.out.println(speed.largeReads(rounds, 100));
      System.out.println(speed.registrations(rounds, 300));
    }
  }

  /** Median time of a read of 4 KiB, one at a time. */
  Ratio smallReads(int rounds, int count) throws Exception {
    readOneByOne(count);
    return compare(
        "read 4 KiB, median",
        "us",
        rounds,
        () -> readOneByOne(count) / 1000.0,
        () -> perftest("ib_read_lat", SMALL_BYTES, count, 4));
  }

  /** Reads of 1 MiB, several at a time. */
  Ratio largeReads(int rounds, int count) throws Exception {
    return compare(
        "read 1 MiB, throughput",
        "MiB/s",
        rounds,
        () -> readManyAtATime(count),
        () -> perftest("ib_read_bw", LARGE_BYTES, count, 3));
  }

  /** A registration of 1 MiB and its end. */
  Ratio registrations(int rounds, int count) throws Exception {
    register(count);
    return compare(
        "register and invalidate 1 MiB",
        "us",
        rounds,
        () -> register(count) / 1000.0,
        () -> number(run("registrations", LARGE_BYTES + "", count + ""), 0) / 1000.0);
  }

  /** Octets that this thread allocates for each of so many posted and reaped requests. */
  double bytesAllocatedPerRequest(int count) throws Exception {
    var threads =
        (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
    readOneByOne(count);
    writeOneByOne(count);
    long before = threads.getCurrentThreadAllocatedBytes();
    writeOneByOne(count);
    long writes = threads.getCurrentThreadAllocatedBytes() - before;
    before = threads.getCurrentThreadAllocatedBytes();
    long[] took = new long[count];
    long array = threads.getCurrentThreadAllocatedBytes() - before;
    before = threads.getCurrentThreadAllocatedBytes();
    readOneByOne(took);
    long reads = threads.getCurrentThreadAllocatedBytes() - before;
    return array < 0 ? -1 : (double) (writes + reads) / (2 * count);
  }

  private static Ratio compare(String what, String unit, int rounds, Measure ours, Measure theirs)
      throws Exception {
    double[] ourTimes = new double[rounds];
    double[] theirTimes = new double[rounds];
    double[] ratios = new double[rounds];
    for (int round = 0; round < rounds; round++) {
      ourTimes[round] = ours.take();
      theirTimes[round] = theirs.take();
      ratios[round] = ourTimes[round] / theirTimes[round];
    }
    return new Ratio(what, unit, median(ourTimes), median(theirTimes), median(ratios));
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  private long readOneByOne(int count) throws InterruptedException {
    long[] took = new long[count];
    readOneByOne(took);
    Arrays.sort(took);
    return took[count / 2];
  }

  private void readOneByOne(long[] took) throws InterruptedException {
    MemorySegment part = local.asSlice(0, SMALL_BYTES);
    for (int i = 0; i < took.length; i++) {
      long begin = System.nanoTime();
      posted(pair.postRead(localRegion, part, remoteRegion.key(), remoteRegion.remoteAddress(), i));
      await(1);
      took[i] = System.nanoTime() - begin;
    }
  }

  private void writeOneByOne(int count) throws InterruptedException {
    MemorySegment part = local.asSlice(0, SMALL_BYTES);
    for (int i = 0; i < count; i++) {
      posted(
          pair.postWriteAndConfirm(
              localRegion, part, remoteRegion.key(), remoteRegion.remoteAddress(), i));
      await(1);
    }
  }

  private double readManyAtATime(int count) throws InterruptedException {
    long begin = System.nanoTime();
    int posted = 0;
    for (int done = 0; done < count; done++) {
      for (; posted < count && posted - done < IN_FLIGHT; posted++) {
        posted(
            pair.postRead(
                localRegion, local, remoteRegion.key(), remoteRegion.remoteAddress(), posted));
      }
      await(1);
    }
    return count / ((System.nanoTime() - begin) / 1e9);
  }

  private long register(int count) throws Exception {
    EnumSet<RemoteAccess> both = EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE);
    long[] took = new long[count];
    for (int i = 0; i < count; i++) {
      long begin = System.nanoTime();
      MemoryRegion region = passive.register(local, both);
      region.invalidateHere().toCompletableFuture().get(60, TimeUnit.SECONDS);
      took[i] = System.nanoTime() - begin;
    }
    Arrays.sort(took);
    return took[count / 2];
  }

  private static void posted(PostResult result) {
    if (result != PostResult.POSTED) {
      throw new IllegalStateException("not posted: " + result);
    }
  }

  private void onCompletion(long workId, WorkStatus status) {
    if (status != WorkStatus.SUCCESS) {
      throw new IllegalStateException("request " + workId + ": " + status);
    }
    completed++;
  }

  private void await(int count) throws InterruptedException {
    completed = 0;
    while (completed < count) {
      if (pair.completions().await(sink, count - completed, WAIT_NANOS) == 0) {
        throw new IllegalStateException("no completion; " + pair.disconnectCause());
      }
    }
  }

  // ---- programs in C ----

  /** Both sides of a program of perftest; the number in a column of its last line. */
  private double perftest(String program, int bytes, int count, int column) throws Exception {
    // The index of the IPv4 address among those of the device; large reads move some MiB.
    List<String> words =
        List.of(
            "-d", provider.device().name(), "-x", "1", "-F", "-s", bytes + "", "-n", count + "");
    List<String> passiveSide = new ArrayList<>(List.of(program));
    passiveSide.addAll(words);
    Process server =
        new ProcessBuilder(passiveSide)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      List<String> activeSide = new ArrayList<>(passiveSide);
      activeSide.add(address.getHostAddress());
      for (int left = 50; ; left--) {
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

  @Override
  public void close() {
    pair.close();
    provider.close();
    arena.close();
  }
}
