package io.selkie.test.drill;

import io.selkie.client.direct.Rail;
import io.selkie.config.time.NanoClock;
import io.selkie.protocol.layout.rdma.BindingData;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePair.PostResult;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.WorkStatus;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.util.Set;

/**
 * A queue pair with a buffer, one access at a time. It believes in nothing: whatever key it is
 * given it presents. For one thread.
 */
final class Link implements AutoCloseable {

  /** Bytes of the largest access. */
  static final int ACCESS_BYTES_MAX = 64 << 10;

  private static final int QUEUE_DEPTH = 4;
  private static final int CONNECT_MILLIS = 20_000;
  private static final long ACCESS_NANOS = 20_000_000_000L;

  private final NanoClock clock;
  private final Arena arena;
  private final MemorySegment buffer;
  private final MemoryRegion region;
  private final QueuePair queuePair;
  private WorkStatus ended;

  private Link(NanoClock clock, Rail rail, QueuePair queuePair, Arena arena) throws RdmaException {
    this.clock = clock;
    this.queuePair = queuePair;
    this.arena = arena;
    this.buffer = arena.allocate(ACCESS_BYTES_MAX, 4096);
    this.region = rail.domain().register(buffer, Set.of());
  }

  /** Connects for a session. */
  static Link connect(NanoClock clock, Rail rail, InetSocketAddress peer, SessionId4 session)
      throws RdmaException, InterruptedException {
    QueuePair queuePair =
        rail.provider()
            .connect(
                peer,
                rail.domain(),
                new ConnectOptions(
                    BindingData.request(session, false),
                    QUEUE_DEPTH,
                    QUEUE_DEPTH,
                    0,
                    CONNECT_MILLIS));
    Arena arena = Arena.ofShared();
    boolean done = false;
    try {
      Link link = new Link(clock, rail, queuePair, arena);
      done = true;
      return link;
    } finally {
      if (!done) {
        queuePair.close();
        arena.close();
      }
    }
  }

  /** Writes bytes of one value and waits until they are known to be placed. */
  WorkStatus write(int key, long to, int length, byte fill) throws InterruptedException {
    MemorySegment from = buffer.asSlice(0, length).fill(fill);
    return await(queuePair.postWriteAndConfirm(region, from, key, to, 1));
  }

  /** Reads bytes; they are there only when this answers SUCCESS. */
  WorkStatus read(int key, long from, byte[] into, int at, int length) throws InterruptedException {
    MemorySegment target = buffer.asSlice(0, length);
    WorkStatus status = await(queuePair.postRead(region, target, key, from, 1));
    if (status == WorkStatus.SUCCESS) {
      MemorySegment.copy(target, ValueLayout.JAVA_BYTE, 0, into, at, length);
    }
    return status;
  }

  /** Whether it takes another access. */
  boolean isUp() {
    return queuePair.isUp();
  }

  private WorkStatus await(PostResult posted) throws InterruptedException {
    if (posted != PostResult.POSTED) {
      return WorkStatus.CONNECTION_LOST;
    }
    ended = null;
    long deadline = clock.nanoTime() + ACCESS_NANOS;
    while (ended == null) {
      long left = deadline - clock.nanoTime();
      if (left <= 0) {
        queuePair.abort("no completion");
        left = 1_000_000;
      }
      int _ = queuePair.completions().await((workId, status) -> ended = status, 1, left);
    }
    return ended;
  }

  @Override
  public void close() {
    queuePair.close();
    region.invalidate().toCompletableFuture().join();
    arena.close();
  }
}
