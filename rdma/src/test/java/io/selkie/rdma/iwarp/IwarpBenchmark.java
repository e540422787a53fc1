package io.selkie.rdma.iwarp;

import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.RemoteAccess;
import io.selkie.rdma.WorkStatus;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * Latency and bandwidth against a bare blocking TCP exchange of the same sizes, in the same pair of
 * processes. Run it from the command line; it starts its server itself.
 *
 * <pre>{@code
 * java @bin/jvm.options -cp <test class path> io.selkie.rdma.iwarp.IwarpBenchmark [seconds] [fpdu]
 * }</pre>
 */
public final class IwarpBenchmark {

  private static final int SMALL = 4 << 10;
  private static final int LARGE = 1 << 20;
  private static final int IN_FLIGHT = 8;
  private static final int HEADER = 64;
  private static final long REGION = 64L << 20;

  private final double seconds;
  private final Arena arena = Arena.ofShared();

  private final ProcessHandle server;

  private IwarpBenchmark(double seconds, ProcessHandle server) {
    this.seconds = seconds;
    this.server = server;
  }

  /** CPU time of this thread and of the whole server, in nanoseconds. */
  private long[] cpu() {
    return new long[] {
      ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime(),
      server.info().totalCpuDuration().orElseThrow().toNanos()
    };
  }

  /** Starts. */
  public static void main(String[] args) throws Exception {
    if (args.length > 0 && args[0].equals("server")) {
      serve(Integer.parseInt(args[1]), Integer.parseInt(args[2]));
      return;
    }
    double seconds = args.length > 0 ? Double.parseDouble(args[0]) : 2;
    int fpdu =
        args.length > 1 ? Integer.parseInt(args[1]) : IwarpLimits.DEFAULTS.maxFpduPayloadBytes();
    int spin = args.length > 2 ? Integer.parseInt(args[2]) : 0;
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElseThrow());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            IwarpBenchmark.class.getName(),
            "server",
            Integer.toString(fpdu),
            Integer.toString(spin)));
    Process server =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try (BufferedReader said =
        new BufferedReader(
            new InputStreamReader(server.getInputStream(), StandardCharsets.UTF_8))) {
      String[] words = said.readLine().split(" ");
      new IwarpBenchmark(seconds, server.toHandle())
          .run(
              Integer.parseInt(words[0]),
              Integer.parseInt(words[1]),
              Integer.parseInt(words[2]),
              Long.parseLong(words[3]),
              fpdu);
    } finally {
      server.destroy();
    }
  }

  private static IwarpConfig config(int fpdu, int spinMicros) {
    IwarpConfig config = IwarpConfig.DEFAULTS.withEventLoops(1, spinMicros);
    IwarpLimits l = IwarpLimits.DEFAULTS;
    int chunk = Integer.getInteger("chunk", l.sendChunkBytes());
    return config.withLimits(
        new IwarpLimits(
            l.maxConnections(),
            l.maxRegions(),
            l.maxInboundReads(),
            l.maxMessageBytes(),
            fpdu == 0 ? l.maxFpduPayloadBytes() : fpdu,
            Integer.getInteger("recv", l.receiveBufferBytes()),
            chunk,
            2 * chunk,
            l.pooledBuffersMax(),
            l.handshakeTimeoutMillis(),
            l.lingerMillis(),
            l.idleTimeoutMillis(),
            l.retiredKeysMax(),
            l.listenBacklog()));
  }

  // ---- server ----

  private static void serve(int fpdu, int spin) throws Exception {
    Arena arena = Arena.ofShared();
    IwarpProvider provider = new IwarpProvider(config(fpdu, spin));
    var domain = provider.allocateProtectionDomain("benchmark");
    MemoryRegion region =
        domain.register(
            arena.allocate(REGION, 4096), Set.of(RemoteAccess.READ, RemoteAccess.WRITE));
    QueuePairListener listener =
        new QueuePairListener() {
          @Override
          public void onEstablished(QueuePair queuePair) {}

          @Override
          public void onClosed(DisconnectCause cause) {
            System.err.println("server: " + cause);
          }
        };
    var rdma =
        provider.listen(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            request -> new ConnectionAcceptor.Accept(domain, ByteBuffer.allocate(0), listener));
    ServerSocketChannel echo =
        ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    System.out.println(
        "%d %d %d %d"
            .formatted(
                echo.socket().getLocalPort(),
                rdma.address().getPort(),
                region.key(),
                region.remoteAddress()));
    while (true) {
      try (SocketChannel channel = echo.accept()) {
        channel.socket().setTcpNoDelay(true);
        echo(channel);
      } catch (IOException e) {
        System.err.println("echo: " + e);
      }
    }
  }

  private static void echo(SocketChannel channel) throws IOException {
    ByteBuffer in = ByteBuffer.allocateDirect(LARGE + HEADER);
    ByteBuffer out = ByteBuffer.allocateDirect(LARGE + HEADER);
    while (true) {
      in.clear().limit(HEADER);
      if (!fill(channel, in)) {
        return;
      }
      int more = in.getInt(0);
      int answer = in.getInt(4);
      in.clear().limit(more);
      if (!fill(channel, in)) {
        return;
      }
      out.clear().limit(answer);
      while (out.hasRemaining()) {
        channel.write(out);
      }
    }
  }

  private static boolean fill(SocketChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      if (channel.read(buffer) < 0) {
        return false;
      }
    }
    return true;
  }

  // ---- client ----

  private void run(int echoPort, int rdmaPort, int key, long address, int fpdu) throws Exception {
    IwarpProvider provider = new IwarpProvider(config(fpdu, 0));
    var domain = provider.allocateProtectionDomain("benchmark");
    MemorySegment memory = arena.allocate((long) IN_FLIGHT * LARGE, 4096);
    MemoryRegion local = domain.register(memory, Set.of());
    InetSocketAddress peer = new InetSocketAddress(InetAddress.getLoopbackAddress(), rdmaPort);
    try (SocketChannel echo =
            SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), echoPort));
        QueuePair blocking = provider.connect(peer, domain, options(0));
        QueuePair spinning = provider.connect(peer, domain, options(100_000))) {
      echo.socket().setTcpNoDelay(true);
      for (int round = 0; round < 3; round++) {
        System.out.println(round == 0 ? "-- warm-up" : "-- round " + round);
        double echoRead = latency("echo 64 B -> 4 KiB", () -> exchange(echo, 0, SMALL));
        double echoWrite = latency("echo 4 KiB -> 64 B", () -> exchange(echo, SMALL, HEADER));
        Direct direct = new Direct(blocking, local, memory, key, address);
        Direct busy = new Direct(spinning, local, memory, key, address);
        double read = latency("direct read 4 KiB", direct::read);
        double write = latency("direct confirmed write 4 KiB", direct::write);
        double readBusy = latency("direct read 4 KiB, busy", busy::read);
        double writeBusy = latency("direct confirmed write 4 KiB, busy", busy::write);
        double echoReadRate = echoRate(echo, 0, LARGE, "echo 1 MiB from server");
        double echoWriteRate = echoRate(echo, LARGE, HEADER, "echo 1 MiB to server");
        double readRate = directRate(direct, false, "direct read 1 MiB");
        double writeRate = directRate(direct, true, "direct write 1 MiB");
        System.out.printf(
            "ratios: read p50 %.2f (busy %.2f), write p50 %.2f (busy %.2f), read rate %.2f, write"
                + " rate %.2f%n",
            read / echoRead,
            readBusy / echoRead,
            write / echoWrite,
            writeBusy / echoWrite,
            readRate / echoReadRate,
            writeRate / echoWriteRate);
      }
    }
    provider.close();
  }

  private static ConnectOptions options(long busyPollNanos) {
    return new ConnectOptions(ByteBuffer.allocate(0), 64, 32, busyPollNanos, 5000);
  }

  private interface Step {
    void run() throws Exception;
  }

  private double latency(String what, Step step) throws Exception {
    long[] nanos = new long[2_000_000];
    int count = 0;
    long[] cpu = cpu();
    long end = System.nanoTime() + (long) (seconds * 1e9);
    long before = System.nanoTime();
    while (before < end && count < nanos.length) {
      step.run();
      long after = System.nanoTime();
      nanos[count++] = after - before;
      before = after;
    }
    long[] used = cpu();
    Arrays.sort(nanos, 0, count);
    double p50 = nanos[count / 2] / 1e3;
    System.out.printf(
        "%-36s p50 %7.2f us  p99 %7.2f us  (%d); CPU: client %5.2f us, server %5.2f us%n",
        what,
        p50,
        nanos[count * 99 / 100] / 1e3,
        count,
        (used[0] - cpu[0]) / 1e3 / count,
        (used[1] - cpu[1]) / 1e3 / count);
    return p50;
  }

  private final ByteBuffer out = ByteBuffer.allocateDirect(LARGE + HEADER);
  private final ByteBuffer in = ByteBuffer.allocateDirect(LARGE + HEADER);

  private void exchange(SocketChannel channel, int more, int answer) throws IOException {
    send(channel, more, answer);
    in.clear().limit(answer);
    fill(channel, in);
  }

  private void send(SocketChannel channel, int more, int answer) throws IOException {
    out.clear().limit(HEADER + more);
    out.putInt(0, more).putInt(4, answer);
    while (out.hasRemaining()) {
      channel.write(out);
    }
  }

  private double echoRate(SocketChannel channel, int more, int answer, String what)
      throws IOException {
    long end = System.nanoTime() + (long) (seconds * 1e9);
    long start = System.nanoTime();
    long[] cpu = cpu();
    long done = 0;
    int sent = 0;
    while (System.nanoTime() < end) {
      while (sent < IN_FLIGHT) {
        send(channel, more, answer);
        sent++;
      }
      in.clear().limit(answer);
      fill(channel, in);
      sent--;
      done += LARGE;
    }
    while (sent-- > 0) {
      in.clear().limit(answer);
      fill(channel, in);
    }
    return rate(what, done, start, cpu);
  }

  private double directRate(Direct direct, boolean write, String what) throws Exception {
    long end = System.nanoTime() + (long) (seconds * 1e9);
    long start = System.nanoTime();
    long[] cpu = cpu();
    long done = 0;
    int sent = 0;
    while (System.nanoTime() < end) {
      while (sent < IN_FLIGHT) {
        direct.post(write, sent);
        sent++;
      }
      int given = direct.queuePair.completions().await(direct, IN_FLIGHT, 5_000_000_000L);
      sent -= given;
      done += (long) given * LARGE;
    }
    while (sent > 0) {
      sent -= direct.queuePair.completions().await(direct, IN_FLIGHT, 5_000_000_000L);
    }
    return rate(what, done, start, cpu);
  }

  private double rate(String what, long bytes, long start, long[] before) {
    double rate = bytes / 1e6 / ((System.nanoTime() - start) / 1e9);
    long[] after = cpu();
    double mebibytes = bytes / (double) LARGE;
    System.out.printf(
        "%-36s %8.0f MB/s; CPU per MiB: client %4.0f us, server %4.0f us%n",
        what,
        rate,
        (after[0] - before[0]) / 1e3 / mebibytes,
        (after[1] - before[1]) / 1e3 / mebibytes);
    return rate;
  }

  private static final class Direct implements io.selkie.rdma.CompletionQueue.Sink {
    private final QueuePair queuePair;
    private final MemoryRegion region;
    private final MemorySegment[] small = new MemorySegment[1];
    private final MemorySegment[] large = new MemorySegment[IN_FLIGHT];
    private final int key;
    private final long address;

    Direct(QueuePair queuePair, MemoryRegion region, MemorySegment memory, int key, long address) {
      this.queuePair = queuePair;
      this.region = region;
      this.key = key;
      this.address = address;
      small[0] = memory.asSlice(0, SMALL);
      for (int i = 0; i < IN_FLIGHT; i++) {
        large[i] = memory.asSlice((long) i * LARGE, LARGE);
      }
    }

    void read() throws InterruptedException {
      queuePair.postRead(region, small[0], key, address, 1);
      queuePair.completions().await(this, 1, 5_000_000_000L);
    }

    void write() throws InterruptedException {
      queuePair.postWriteAndConfirm(region, small[0], key, address, 1);
      queuePair.completions().await(this, 1, 5_000_000_000L);
    }

    void post(boolean write, int slot) {
      long at = address + (long) slot * LARGE;
      MemorySegment segment = large[slot];
      if (write) {
        queuePair.postWriteAndConfirm(region, segment, key, at, slot);
      } else {
        queuePair.postRead(region, segment, key, at, slot);
      }
    }

    @Override
    public void onCompletion(long workId, WorkStatus status) {
      if (status != WorkStatus.SUCCESS) {
        throw new IllegalStateException(
            "work " + workId + " ended as " + status + ": " + queuePair.disconnectCause());
      }
    }
  }
}
