package io.selkie.server.compound;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The bounded pool of threads that may block in the file system.
 *
 * <p>A compound is admitted once, when it first needs a worker, and counts until its end, also
 * while it is suspended. So the queue, which holds each admitted compound at most once, does not
 * overflow, and what is beyond the capacity is answered with NFS4ERR_DELAY at once.
 */
public final class Workers implements AutoCloseable {

  private final ThreadPoolExecutor threads;
  private final AtomicInteger admitted = new AtomicInteger();
  private final int capacity;

  /**
   * Starts the pool.
   *
   * @param threadCount how many threads there are
   * @param capacity how many compounds may run, wait for a thread or be suspended at a time
   */
  public Workers(int threadCount, int capacity) {
    if (threadCount < 1 || capacity < threadCount) {
      throw new IllegalArgumentException(
          "%d worker threads and a capacity of %d: at least 1 and as many as threads"
              .formatted(threadCount, capacity));
    }
    this.capacity = capacity;
    this.threads =
        new ThreadPoolExecutor(
            threadCount,
            threadCount,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(2 * capacity),
            Thread.ofPlatform().name("nfs-worker-", 0).daemon().factory());
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

  /** How many compounds now run, wait for a thread or are suspended. */
  public int admittedCount() {
    return admitted.get();
  }

  /**
   * Stops: what runs is let finish, what waits is run too, nothing new is taken. Waits at most so
   * long.
   *
   * @return whether everything ended in time
   */
  public boolean stop(long timeoutNanos) throws InterruptedException {
    threads.shutdown();
    return threads.awaitTermination(timeoutNanos, TimeUnit.NANOSECONDS);
  }

  /** Stops at once: what waits is dropped, what runs is interrupted. */
  @Override
  public void close() {
    threads.shutdownNow();
  }
}
