package io.selkie.test.verbs;

import com.sun.management.ThreadMXBean;
import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.ProviderChoice;
import io.selkie.client.SelkieClient;
import io.selkie.rdma.verbs.ProgramsInC;
import io.selkie.rdma.verbs.Ratio;
import io.selkie.rdma.verbs.Speed;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * How a client with a layout compares with programs in C on the same device and machine: a file in
 * the page cache of an ordinary file system, read over the device, beside {@code ib_read_lat} and
 * {@code ib_read_bw} of perftest, which read memory. Both poll.
 */
public final class ClientSpeed implements AutoCloseable {

  private static final String DEVICE = "rxe0";
  private static final int SMALL_BYTES = 4096;
  private static final int LARGE_BYTES = 1 << 20;
  private static final int IN_FLIGHT = 16;
  private static final long WAIT_SECONDS = 120;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final ProgramsInC inC;
  private final ServedOnDevice served;
  private final SelkieClient client;
  private final DirectFile file;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment memory = arena.allocate(LARGE_BYTES, SMALL_BYTES);
  private final MemorySegment page = memory.asSlice(0, SMALL_BYTES);
  private final AutoCloseable registered;

  ClientSpeed() throws Exception {
    inC = new ProgramsInC(DEVICE, InetAddress.getByName(ServedOnDevice.ADDRESS));
    Path export =
        Files.createTempDirectory(Path.of(System.getProperty("selkie.verbs.disk")), "speed-");
    byte[] content = new byte[LARGE_BYTES];
    new Random(1).nextBytes(content);
    Files.write(export.resolve("file"), content);
    served =
        new ServedOnDevice(
            "verbs", ServedOnDevice.ADDRESS + ":0", export + "=data(*,rw,no_root_squash)");
    client =
        SelkieClient.connect(
            ServedOnDevice.ADDRESS,
            served.server().nfsAddress().getPort(),
            ClientOptions.defaults()
                .withProviderChoice(ProviderChoice.VERBS)
                .withBusyPollNanos(Long.MAX_VALUE));
    registered = client.register(memory);
    file = client.open("/data/file", DirectMode.REQUIRE);
    file.read(memory, 0);
    if (memory.mismatch(MemorySegment.ofArray(content)) >= 0) {
      throw new IOException("the file is not read as it is");
    }
  }

  /** Prints the ratios, first those of the provider alone. Argument: rounds of each. */
  public static void main(String[] arguments) throws Exception {
    Speed.main(arguments);
    int rounds = Integer.parseInt(arguments[0]);
    try (ClientSpeed speed = new ClientSpeed()) {
      System.out.println(speed.smallReads(rounds, 2000));
      System.out.println(speed.largeReads(rounds, 100));
      System.out.printf("direct read 4 KiB, allocated     %10.1f%n", speed.bytesEach(2000));
    }
  }

  /** Median time of a read of 4 KiB, one at a time. */
  Ratio smallReads(int rounds, int count) throws Exception {
    readOneByOne(count);
    return Ratio.compare(
        "direct read 4 KiB, median",
        "us",
        rounds,
        () -> readOneByOne(count) / 1000.0,
        () -> inC.readMicros(SMALL_BYTES, count));
  }

  /** Reads of 1 MiB, several at a time. */
  Ratio largeReads(int rounds, int count) throws Exception {
    return Ratio.compare(
        "direct read 1 MiB, throughput",
        "MiB/s",
        rounds,
        () -> readManyAtATime(count),
        () -> inC.readMebibytes(LARGE_BYTES, count));
  }

  private long readOneByOne(int count) throws IOException {
    long[] took = new long[count];
    for (int i = 0; i < count; i++) {
      long begin = System.nanoTime();
      file.read(page, 0);
      took[i] = System.nanoTime() - begin;
    }
    Arrays.sort(took);
    return took[count / 2];
  }

  private double readManyAtATime(int count) throws Exception {
    CompletableFuture<?>[] reads = new CompletableFuture<?>[IN_FLIGHT];
    long begin = System.nanoTime();
    for (int i = 0; i < count + IN_FLIGHT; i++) {
      CompletableFuture<?> oldest = reads[i % IN_FLIGHT];
      if (oldest != null) {
        oldest.get(WAIT_SECONDS, TimeUnit.SECONDS);
      }
      reads[i % IN_FLIGHT] = i < count ? file.readAsync(memory, 0) : null;
    }
    return count / ((System.nanoTime() - begin) / 1e9);
  }

  /** Octets that this thread allocates for each read of 4 KiB; the least of some measurements. */
  double bytesEach(int count) throws IOException {
    readOneByOne(count);
    double least = Double.MAX_VALUE;
    for (int round = 0; round < 5; round++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < count; i++) {
        file.read(page, 0);
      }
      long bytes = THREADS.getCurrentThreadAllocatedBytes() - before;
      least = Math.min(least, (double) bytes / count);
    }
    return least;
  }

  /** What went through NFS READ. */
  long nfsReads() {
    return client.counters().get(Counter.NFS_READS);
  }

  /** Parts of layouts that the device has. */
  long registrations() {
    return served.registrations("verbs");
  }

  @Override
  public void close() throws Exception {
    file.close();
    registered.close();
    client.close();
    served.close();
    arena.close();
  }
}
