package io.selkie.rdma.verbs;

import io.selkie.config.time.NanoClock;
import io.selkie.rdma.CompletionQueue;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The completions of a queue pair. One thread at a time waits for the device, with {@link
 * #driving}; others wait for their turn.
 */
final class VerbsCompletions implements CompletionQueue {

  private final VerbsQueuePair pair;
  private final VerbsHandles handles;
  private final SendRing ring;
  private final NanoClock clock;
  private final long busyPollNanos;
  private final ReentrantLock driving = new ReentrantLock();
  private final AtomicReference<SendRing.Completion> spare = new AtomicReference<>();

  VerbsCompletions(
      VerbsQueuePair pair,
      VerbsHandles handles,
      SendRing ring,
      NanoClock clock,
      long busyPollNanos) {
    this.pair = pair;
    this.handles = handles;
    this.ring = ring;
    this.clock = clock;
    this.busyPollNanos = busyPollNanos;
  }

  /** Held by the thread that waits for the device, and by the one that ends the queue pair. */
  ReentrantLock driving() {
    return driving;
  }

  @Override
  public int poll(Sink sink, int limit) {
    pair.takeAll();
    int given = reap(sink, limit);
    pair.tellTheEndIfPolled();
    return given;
  }

  private int reap(Sink sink, int limit) {
    SendRing.Completion completion = spare.getAndSet(null);
    if (completion == null) {
      completion = new SendRing.Completion();
    }
    int given = 0;
    try {
      while (given < limit && ring.reap(completion)) {
        given++;
        sink.onCompletion(completion.workId, completion.status);
      }
    } finally {
      spare.set(completion);
    }
    return given;
  }

  @Override
  public int await(Sink sink, int limit, long timeoutNanos) throws InterruptedException {
    long start = clock.nanoTime();
    while (true) {
      int given = poll(sink, limit);
      long left = timeoutNanos - (clock.nanoTime() - start);
      if (given > 0 || left <= 0) {
        return given;
      }
      switch (pair.state()) {
        case GONE -> {
          return poll(sink, limit);
        }
        // What is under way comes to its end without us.
        case BROKEN -> pair.awaitGone(left);
        case CONNECTING, UP -> {
          if (driving.tryLock(left, TimeUnit.NANOSECONDS)) {
            try {
              drive(timeoutNanos - (clock.nanoTime() - start));
            } finally {
              driving.unlock();
            }
          }
        }
      }
    }
  }

  /** Returns when there may be something. */
  private void drive(long nanos) throws InterruptedException {
    long start = clock.nanoTime();
    long spin = Math.min(busyPollNanos, nanos);
    while (clock.nanoTime() - start < spin) {
      pair.takeAll();
      if (hasNews()) {
        return;
      }
      failIfInterrupted();
      Thread.onSpinWait();
    }
    long left = nanos - (clock.nanoTime() - start);
    if (left <= 0 || hasNews()) {
      return;
    }
    try {
      handles.arm();
      pair.takeAll();
      if (!hasNews()) {
        handles.waker().await(left);
        handles.takeEvents();
      }
    } catch (IOException e) {
      pair.onTrouble("completions cannot be waited for: " + e.getMessage());
    }
    failIfInterrupted();
  }

  private boolean hasNews() {
    return ring.isReady() || !pair.isUp();
  }

  private static void failIfInterrupted() throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException("interrupted while waiting for completions");
    }
  }
}
