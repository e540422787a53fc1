package io.selkie.server.compound;

import java.util.concurrent.TimeUnit;

/**
 * The bounded pools of threads that may block in the file system.
 *
 * <p>A compound is admitted once, when it first needs a worker, and counts until its end, also
 * while it is suspended. So the queue, which holds each admitted compound at most once, does not
 * overflow, and what is beyond the capacity is answered with NFS4ERR_DELAY at once.
 *
 * <p>Compounds that only give something back ({@link Operation#givesBack}) have a lane of their
 * own: a few COMMITs on a slow disk must not keep layouts from being returned until their holders
 * are fenced.
 */
public final class Workers implements AutoCloseable {

  private static final int GIVE_BACK_THREADS = 2;
  private static final int GIVE_BACK_CAPACITY = 1024;

  private final WorkerLane ordinary;
  private final WorkerLane givingBack;

  /**
   * Starts the pools.
   *
   * @param threadCount how many threads there are, those for giving back not counted
   * @param capacity how many compounds may run, wait for a thread or be suspended at a time
   */
  public Workers(int threadCount, int capacity) {
    if (threadCount < 1 || capacity < threadCount) {
      throw new IllegalArgumentException(
          "%d worker threads and a capacity of %d: at least 1 and as many as threads"
              .formatted(threadCount, capacity));
    }
    this.ordinary = new WorkerLane("nfs-worker-", threadCount, capacity);
    this.givingBack = new WorkerLane("nfs-return-", GIVE_BACK_THREADS, GIVE_BACK_CAPACITY);
  }

  /** For compounds that may take as long as the disk does. */
  WorkerLane ordinary() {
    return ordinary;
  }

  /** For compounds that only give something back. */
  WorkerLane givingBack() {
    return givingBack;
  }

  /** How many compounds now run, wait for a thread or are suspended. */
  public int admittedCount() {
    return ordinary.admittedCount() + givingBack.admittedCount();
  }

  /**
   * Stops: what runs is let finish, what waits is run too, nothing new is taken. Waits at most so
   * long.
   *
   * @return whether everything ended in time
   */
  public boolean stop(long timeoutNanos) throws InterruptedException {
    ordinary.threads().shutdown();
    givingBack.threads().shutdown();
    // What is to be given back waits for nobody long, so it does not need a time of its own.
    return ordinary.threads().awaitTermination(timeoutNanos, TimeUnit.NANOSECONDS)
        && givingBack.threads().awaitTermination(timeoutNanos, TimeUnit.NANOSECONDS);
  }

  /** Stops at once: what waits is dropped, what runs is interrupted. */
  @Override
  public void close() {
    ordinary.threads().shutdownNow();
    givingBack.threads().shutdownNow();
  }
}
