package io.selkie.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.QueuePair.PostResult;
import io.selkie.rdma.RdmaProvider.Shortcoming;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A passive and an active side in one process, for the tests of {@link RdmaProviderContract}. */
abstract class RdmaContractFixture {

  static final int REGION_BYTES = 1 << 20;
  static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(60);
  static final int CONNECT_MILLIS = 60_000;

  /** A completion as it was reaped. */
  record Done(long workId, WorkStatus status) {}

  protected final Arena arena = Arena.ofShared();
  final BlockingQueue<QueuePair> established = new LinkedBlockingQueue<>();
  final BlockingQueue<DisconnectCause> closed = new LinkedBlockingQueue<>();
  final BlockingQueue<String> messages = new LinkedBlockingQueue<>();
  final BlockingQueue<Integer> invalidatedKeys = new LinkedBlockingQueue<>();
  final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
  volatile String acceptWith = "welcome";
  volatile boolean refuses;

  RdmaProvider server;
  RdmaProvider client;
  ProtectionDomain serverDomain;
  ProtectionDomain clientDomain;
  RdmaListener listener;
  MemorySegment remote;
  MemorySegment local;
  MemoryRegion remoteRegion;
  MemoryRegion localRegion;
  volatile String requestSeen;

  /** A fresh provider; closed by the suite. */
  protected abstract RdmaProvider provider() throws Exception;

  /** Where the passive side listens; an address that the provider can do. */
  protected InetAddress address() throws Exception {
    return InetAddress.getLoopbackAddress();
  }

  /** Memory of more than two gigabytes that the provider can register for writing. */
  protected MemorySegment largeMemory(long bytes) throws Exception {
    Path folder = Files.createDirectories(Path.of(System.getProperty("selkie.test.dir", "target")));
    Path file = Files.createTempFile(folder, "large", ".region");
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      return channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, arena);
    } finally {
      Files.delete(file);
    }
  }

  @BeforeEach
  final void start() throws Exception {
    server = provider();
    client = provider();
    serverDomain = server.allocateProtectionDomain("server");
    clientDomain = client.allocateProtectionDomain("client");
    remote = arena.allocate(REGION_BYTES, 4096);
    local = arena.allocate(REGION_BYTES, 4096);
    fill(remote, 1);
    remoteRegion = serverDomain.register(remote, EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE));
    localRegion = clientDomain.register(local, Set.of());
    listener =
        server.listen(
            new InetSocketAddress(address(), 0),
            request -> {
              requestSeen = text(request.privateData());
              return refuses
                  ? new ConnectionAcceptor.Refuse(bytes("no session"))
                  : new ConnectionAcceptor.Accept(
                      serverDomain, bytes(acceptWith), new Recorder(messages));
            });
  }

  @AfterEach
  final void stop() {
    client.close();
    server.close();
    arena.close();
  }

  /** Records what a queue pair is told. */
  final class Recorder implements QueuePairListener {
    final BlockingQueue<String> received;

    Recorder(BlockingQueue<String> received) {
      this.received = received;
    }

    @Override
    public void onEstablished(QueuePair queuePair) {
      established.add(queuePair);
    }

    @Override
    public void onMessage(ByteBuffer message, int invalidatedKey) {
      invalidatedKeys.add(invalidatedKey);
      received.add(text(message));
    }

    @Override
    public void onClosed(DisconnectCause cause) {
      closed.add(cause);
    }
  }

  static String text(ByteBuffer bytes) {
    return StandardCharsets.UTF_8.decode(bytes).toString();
  }

  static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  static void fill(MemorySegment memory, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (long i = 0; i + 8 <= memory.byteSize(); i += 8) {
      memory.set(ValueLayout.JAVA_LONG_UNALIGNED, i, random.nextLong());
    }
  }

  QueuePair connect() throws Exception {
    return connect(32, 8);
  }

  QueuePair connect(int depth, int reads) throws Exception {
    return client.connect(
        listener.address(),
        clientDomain,
        new ConnectOptions(bytes("hello"), depth, reads, 0, CONNECT_MILLIS));
  }

  boolean tellsRefusals() {
    return !client.shortcomings().contains(Shortcoming.REFUSALS_UNTOLD);
  }

  /** How a request ends that the peer refuses. */
  WorkStatus refused() {
    return tellsRefusals() ? WorkStatus.REMOTE_ACCESS_ERROR : WorkStatus.CONNECTION_LOST;
  }

  static <T> T take(BlockingQueue<T> queue) throws InterruptedException {
    T taken = queue.poll(60, TimeUnit.SECONDS);
    assertThat(taken).as("something that should have happened").isNotNull();
    return taken;
  }

  static List<Done> reap(QueuePair pair, int count) throws InterruptedException {
    List<Done> all = new ArrayList<>();
    while (all.size() < count) {
      int given =
          pair.completions()
              .await((id, status) -> all.add(new Done(id, status)), count - all.size(), WAIT_NANOS);
      assertThat(given).as("completions, after %s", all).isPositive();
    }
    return all;
  }

  static WorkStatus one(QueuePair pair, PostResult posted) throws InterruptedException {
    assertThat(posted).isEqualTo(PostResult.POSTED);
    return reap(pair, 1).getFirst().status();
  }

  static void assertSame(
      MemorySegment a, long offsetA, MemorySegment b, long offsetB, long length) {
    assertThat(MemorySegment.mismatch(a, offsetA, offsetA + length, b, offsetB, offsetB + length))
        .isEqualTo(-1);
  }
}
