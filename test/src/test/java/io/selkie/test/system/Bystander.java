package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawIwarp;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Another client, minding its own business while somebody else misbehaves: it reads its file one
 * sided and through NFS in turn, checks every byte and takes the time of every answer.
 */
final class Bystander implements AutoCloseable {

  private static final int CHUNK_BYTES = 8192;
  private static final int SINK_KEY = 7;
  private static final int TIMEOUT_SECONDS = 60;
  private static final int TAKEN_MAX = 10_000;

  private final byte[] content;
  private final RawNfs nfs;
  private final RawNfs.OpenFile file;
  private final RawNfs.Extent extent;
  private final RawIwarp queuePair;
  private final Thread thread;
  private final Object progress = new Object();

  /** What the latest rounds took, in nanoseconds; guarded by the progress. */
  private final ArrayDeque<Long> taken = new ArrayDeque<>();

  private final AtomicBoolean stopped = new AtomicBoolean();
  private final AtomicLong rounds = new AtomicLong();
  private final AtomicLong slowestNanos = new AtomicLong();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final CountDownLatch underWay = new CountDownLatch(20);

  /** Makes its file, gets its layout and begins; returns when it is under way. */
  Bystander(ServerProcess server) throws Exception {
    this.content = new byte[CHUNK_BYTES];
    for (int i = 0; i < CHUNK_BYTES; i++) {
      content[i] = (byte) (i * 31 + (i >> 8));
    }
    Path path = server.export().resolve("bystander");
    Files.write(path, content);
    this.nfs = RawNfs.connect(server.nfs(), "bystander");
    this.file = nfs.open(server.exportName(), "bystander");
    RawNfs.Layout layout = nfs.layoutGet(file, file.stateid(), Op.IOMODE_RW, 0, CHUNK_BYTES);
    assertThat(layout.status()).as("status of the bystander's LAYOUTGET").isZero();
    this.extent = layout.extents().getFirst();
    this.queuePair = RawIwarp.connect(server.rdma(), nfs.sessionId());
    this.thread = Thread.ofPlatform().daemon().name("bystander").start(this::run);
    assertThat(underWay.await(TIMEOUT_SECONDS, TimeUnit.SECONDS))
        .as("the bystander is under way; failure: %s", failure.get())
        .isTrue();
  }

  private void run() {
    try {
      for (int message = 1; !stopped.get(); message++) {
        long begun = System.nanoTime();
        readOneSided(message);
        readThroughServer();
        long nanos = System.nanoTime() - begun;
        slowestNanos.accumulateAndGet(nanos, Math::max);
        advance(nanos);
        underWay.countDown();
      }
    } catch (IOException | AssertionError | RuntimeException e) {
      failure.set(e);
      synchronized (progress) {
        progress.notifyAll();
      }
    }
  }

  private void advance(long nanos) {
    synchronized (progress) {
      rounds.incrementAndGet();
      taken.add(nanos);
      if (taken.size() > TAKEN_MAX) {
        taken.removeFirst();
      }
      progress.notifyAll();
    }
  }

  private void readOneSided(int message) throws IOException {
    queuePair.sendBytes(
        RawIwarp.readRequest(
            message, SINK_KEY, 0, CHUNK_BYTES, extent.key(), extent.storageOffset()));
    byte[] read = new byte[CHUNK_BYTES];
    int missing = CHUNK_BYTES;
    while (missing > 0) {
      ByteBuffer segment =
          queuePair.receive().orElseThrow(() -> new IOException("the bystander's queue pair died"));
      assertThat(RawIwarp.opcode(segment)).isEqualTo(RawIwarp.OPCODE_READ_RESPONSE);
      int at = (int) segment.getLong(6);
      int length = segment.remaining() - 14;
      segment.get(14, read, at, length);
      missing -= length;
    }
    if (!Arrays.equals(read, content)) {
      throw new AssertionError("the bystander read other bytes one-sided than there are");
    }
  }

  private void readThroughServer() throws IOException {
    RawNfs.Reply reply =
        nfs.compound(
                Op.putFh(file.handle().bytes()), Op.read(file.stateid().bytes(), 0, CHUNK_BYTES))
            .expectOk();
    reply.result(Op.PUTFH);
    reply.result(Op.READ);
    reply.body().getInt();
    if (!Arrays.equals(reply.opaque(), content)) {
      throw new AssertionError("the bystander read other bytes through NFS than there are");
    }
  }

  /** Waits until it has done some more rounds: the server lives and this client is served. */
  void assertStillServed() throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
    synchronized (progress) {
      long goal = rounds.get() + 3;
      while (rounds.get() < goal && failure.get() == null) {
        long millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        assertThat(millis).as("milliseconds left for the bystander to go on").isPositive();
        progress.wait(millis);
      }
    }
    assertThat(failure.get()).as("the bystander's failure").isNull();
  }

  /**
   * The 99th percentile of its next rounds, in microseconds.
   *
   * @param wanted how many, at most {@value #TAKEN_MAX}
   */
  double p99Micros(int wanted) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
    synchronized (progress) {
      taken.clear();
      while (taken.size() < wanted && failure.get() == null) {
        long millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        assertThat(millis).as("milliseconds left for %s rounds", wanted).isPositive();
        progress.wait(millis);
      }
      assertThat(failure.get()).as("the bystander's failure").isNull();
      long[] sorted = taken.stream().mapToLong(Long::longValue).sorted().toArray();
      return sorted[(int) (sorted.length * 0.99)] / 1e3;
    }
  }

  /** Its layout's handle, for those who would steal it. */
  int key() {
    return extent.key();
  }

  /** Where its extent begins, for those who would steal it. */
  long storageOffset() {
    return extent.storageOffset();
  }

  /** The longest that a read of both kinds took, in milliseconds. */
  long slowestMillis() {
    return TimeUnit.NANOSECONDS.toMillis(slowestNanos.get());
  }

  /** How many rounds it has done. */
  long rounds() {
    return rounds.get();
  }

  @Override
  public void close() throws Exception {
    stopped.set(true);
    thread.join(TimeUnit.SECONDS.toMillis(TIMEOUT_SECONDS));
    queuePair.close();
    nfs.close();
    assertThat(failure.get()).as("the bystander's failure").isNull();
  }
}
