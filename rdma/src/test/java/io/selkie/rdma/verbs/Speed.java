package io.selkie.rdma.verbs;

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
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * How the provider compares with programs in C on the same device and machine: {@code ib_read_lat}
 * and {@code ib_read_bw} of perftest, and {@code registrations} of test/vm/verbs. Both sides of a
 * connection are on this machine.
 */
public final class Speed implements AutoCloseable {

  /** Of the larger reads, and of the regions. */
  static final int LARGE_BYTES = 1 << 20;

  static final int SMALL_BYTES = 4096;

  private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(120);
  private static final int IN_FLIGHT = 16;

  private final ProgramsInC inC;
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
    provider = VerbsProvider.open(VerbsConfig.DEFAULTS.withAddress(address));
    inC = new ProgramsInC(provider.device().name(), address);
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
      System.out.println(Ratio.HEAD);
      System.out.println(speed.smallReads(rounds, 2000));
      System.out.println(speed.largeReads(rounds, 100));
      System.out.println(speed.registrations(rounds, 300));
    }
  }

  /** Median time of a read of 4 KiB, one at a time. */
  Ratio smallReads(int rounds, int count) throws Exception {
    readOneByOne(count);
    return Ratio.compare(
        "read 4 KiB, median",
        "us",
        rounds,
        () -> readOneByOne(count) / 1000.0,
        () -> inC.readMicros(SMALL_BYTES, count));
  }

  /** Reads of 1 MiB, several at a time. */
  Ratio largeReads(int rounds, int count) throws Exception {
    return Ratio.compare(
        "read 1 MiB, throughput",
        "MiB/s",
        rounds,
        () -> readManyAtATime(count),
        () -> inC.readMebibytes(LARGE_BYTES, count));
  }

  /** A registration of 1 MiB and its end. */
  Ratio registrations(int rounds, int count) throws Exception {
    register(count);
    return Ratio.compare(
        "register and invalidate 1 MiB",
        "us",
        rounds,
        () -> register(count) / 1000.0,
        () -> inC.registrationMicros(LARGE_BYTES, count));
  }

  private long readOneByOne(int count) throws InterruptedException {
    MemorySegment part = local.asSlice(0, SMALL_BYTES);
    long[] took = new long[count];
    for (int i = 0; i < count; i++) {
      long begin = System.nanoTime();
      posted(pair.postRead(localRegion, part, remoteRegion.key(), remoteRegion.remoteAddress(), i));
      await(1);
      took[i] = System.nanoTime() - begin;
    }
    Arrays.sort(took);
    return took[count / 2];
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

  @Override
  public void close() {
    pair.close();
    provider.close();
    arena.close();
  }
}
