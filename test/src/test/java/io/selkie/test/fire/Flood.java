package io.selkie.test.fire;

import io.selkie.config.time.NanoClock;
import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePair.PostResult;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.WorkStatus;
import io.selkie.test.fire.Board.Count;
import io.selkie.test.wire.RawNfs;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A thread with a queue pair that writes as fast as it can while a round lasts. The last write of
 * each burst is confirmed: if it was posted when the grant was known to be over, and was placed all
 * the same, that is what must not be.
 */
final class Flood implements AutoCloseable {

  private static final int BURST = 8;
  private static final int QUEUE_DEPTH = 64;
  private static final int WRITE_BYTES_MAX = 32 << 10;
  private static final int ALIGNMENT_BYTES = 64;
  private static final int CONNECT_MILLIS = 60_000;
  private static final long BURST_SECONDS = 60;

  private final Board board;
  private final RdmaProvider provider;
  private final ProtectionDomain domain;
  private final InetSocketAddress address;
  private final ByteBuffer privateData;
  private final SplittableRandom random;
  private final NanoClock clock;
  private final Consumer<String> says;
  private final BlockingQueue<Round> rounds = new ArrayBlockingQueue<>(1);
  private final Arena arena = Arena.ofShared();
  private final MemorySegment buffer = arena.allocate(WRITE_BYTES_MAX, 4096);
  private final MemoryRegion region;
  private final Thread thread;
  private QueuePair queuePair;
  private Round last;
  private WorkStatus confirmed;
  private int outstanding;

  Flood(
      Board board,
      RdmaProvider provider,
      ProtectionDomain domain,
      InetSocketAddress address,
      ByteBuffer privateData,
      SplittableRandom random,
      NanoClock clock,
      Consumer<String> says)
      throws RdmaException {
    this.board = board;
    this.provider = provider;
    this.domain = domain;
    this.address = address;
    this.privateData = privateData;
    this.random = random;
    this.clock = clock;
    this.says = says;
    this.region = domain.register(buffer, Set.of());
    this.thread = Thread.ofPlatform().daemon().name("flood").start(this::run);
  }

  /** Takes part in a round; the one before must be idle. */
  void begin(Round round) {
    rounds.add(round);
  }

  private void run() {
    try {
      while (true) {
        Round round = rounds.take();
        try {
          tryDeadKey();
          write(round);
        } catch (RdmaException e) {
          // The server refuses queue pairs of a session that it has ended.
          says.accept("no queue pair: " + e);
        } finally {
          last = round;
          round.leave();
        }
      }
    } catch (InterruptedException _) {
      if (queuePair != null) {
        queuePair.close();
      }
    }
  }

  private void connect() throws RdmaException, InterruptedException {
    if (queuePair == null || !queuePair.isUp()) {
      disconnect();
      queuePair =
          provider.connect(
              address,
              domain,
              new ConnectOptions(privateData.duplicate(), QUEUE_DEPTH, 16, 0, CONNECT_MILLIS));
    }
  }

  private void disconnect() {
    if (queuePair != null) {
      queuePair.close();
      queuePair = null;
    }
  }

  /** Over a new queue pair if need be, since a fence is of the key, not of a connection. */
  private void tryDeadKey() throws RdmaException, InterruptedException {
    Round before = last;
    if (before == null || random.nextInt(4) != 0 || !before.isOver(board)) {
      return;
    }
    connect();
    Words.fill(buffer, Words.grant(before.grant()));
    board.add(Count.DEAD_KEYS_TRIED);
    if (burst(before) == WorkStatus.REMOTE_ACCESS_ERROR) {
      board.add(Count.DEAD_KEYS_REFUSED);
    }
  }

  private void write(Round round) throws RdmaException, InterruptedException {
    connect();
    Words.fill(buffer, Words.grant(round.grant()));
    while (!round.isEnded()) {
      if (burst(round) != WorkStatus.SUCCESS) {
        board.add(Count.QUEUE_PAIRS_BROKEN);
        return;
      }
      board.add(Count.BURSTS_PLACED);
    }
  }

  /** How the confirmed write ended that stands behind all others. */
  private WorkStatus burst(Round round) throws InterruptedException {
    boolean over = round.isOver(board);
    confirmed = WorkStatus.FLUSHED;
    for (int i = 0; i < BURST; i++) {
      RawNfs.Extent extent = round.extents().get(random.nextInt(round.extents().size()));
      long length =
          Math.min(
              extent.length(),
              (long) ALIGNMENT_BYTES * (1 + random.nextInt(WRITE_BYTES_MAX / ALIGNMENT_BYTES)));
      long at = random.nextLong((extent.length() - length) / ALIGNMENT_BYTES + 1) * ALIGNMENT_BYTES;
      MemorySegment from = buffer.asSlice(0, length);
      long to = extent.storageOffset() + at;
      PostResult posted =
          i < BURST - 1
              ? queuePair.postWrite(region, from, extent.key(), to, i)
              : queuePair.postWriteAndConfirm(region, from, extent.key(), to, i);
      if (posted != PostResult.POSTED) {
        break;
      }
      outstanding++;
    }
    awaitCompletions();
    if (confirmed == WorkStatus.SUCCESS) {
      round.placed().complete(true);
      if (over) {
        board.add(Count.PLACED_AFTER_THE_END);
      }
    }
    return confirmed;
  }

  private void awaitCompletions() throws InterruptedException {
    long deadline = clock.nanoTime() + TimeUnit.SECONDS.toNanos(BURST_SECONDS);
    while (outstanding > 0) {
      long left = deadline - clock.nanoTime();
      if (left <= 0) {
        queuePair.abort("no completion in " + BURST_SECONDS + " s");
        left = 1;
      }
      int _ = queuePair.completions().await(this::completed, BURST, left);
    }
  }

  private void completed(long workId, WorkStatus status) {
    outstanding--;
    if (workId == BURST - 1) {
      confirmed = status;
    }
  }

  @Override
  public void close() {
    thread.interrupt();
    try {
      thread.join(TimeUnit.SECONDS.toMillis(BURST_SECONDS));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    // The memory stays until the process ends if a thread is still in it.
    if (!thread.isAlive()) {
      region.invalidate().toCompletableFuture().join();
      arena.close();
    }
  }
}
