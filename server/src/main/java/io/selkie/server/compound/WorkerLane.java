package io.selkie.server.compound;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** One bounded pool of {@link Workers}, with its own admission. Safe for use by several threads. */
final class WorkerLane {

  private final ThreadPoolExecutor threads;
  private final AtomicInteger admitted = new AtomicInteger();
  private final int capacity;

  WorkerLane(String threadNames, int threadCount, int capacity) {
    this.capacity = capacity;
    this.threads =
        new ThreadPoolExecutor(
            threadCount,
            threadCount,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(2 * capacity),
            Thread.ofPlatform().name(threadNames, 0).daemon().factory());
  }

  /** Takes a place for a compound; false when all are taken. */
  boolean admit() {
    for (int now = admitted.get(); now < capacity; now = admitted.get()) {
      if (admitted.compareAndSet(now, now + 1)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Takes a place, if need be beyond the capacity, for a compound that began to wait on an event
   * loop. Few operations can do that; the queue has room for as many again as the capacity.
   */
  void admitSuspended() {
    admitted.incrementAndGet();
  }

  /** Gives a place back. */
  void leave() {
    admitted.decrementAndGet();
  }

  /** Runs an admitted compound's next part; throws only when the pool is closed. */
  void execute(Runnable part) {
    threads.execute(part);
  }

  int admittedCount() {
    return admitted.get();
  }

  ThreadPoolExecutor threads() {
    return threads;
  }
}
