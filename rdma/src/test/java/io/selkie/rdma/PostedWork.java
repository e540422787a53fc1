package io.selkie.rdma;

import com.sun.management.ThreadMXBean;
import io.selkie.rdma.QueuePair.PostResult;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;

/**
 * Posts requests and reaps them, and counts what this thread allocates for that, as the JVM counts
 * it.
 */
final class PostedWork {

  /** What an operation may allocate, in octets: nothing, and what a measurement itself takes. */
  static final double BYTES_MAX = 1.6;

  /** When the machine is busy a measurement may meet what the JVM does now and then. */
  private static final int ROUNDS_MAX = 10;

  private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(120);
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** Posts one. */
  @FunctionalInterface
  interface Operation {
    PostResult post();
  }

  private final QueuePair pair;
  private final Operation operation;
  private final int count;
  private final CompletionQueue.Sink sink = PostedWork::check;

  /**
   * Work to be measured.
   *
   * @param count as many make a measurement; a multiple of what is in flight
   */
  PostedWork(QueuePair pair, Operation operation, int count) {
    this.pair = pair;
    this.operation = operation;
    this.count = count;
  }

  private static void check(long id, WorkStatus status) {
    if (status != WorkStatus.SUCCESS) {
      throw new IllegalStateException("request " + id + " ended " + status);
    }
  }

  /**
   * Octets that this thread allocates for each; the least of several measurements.
   *
   * @param inFlight as many are posted before any is reaped
   */
  double bytesEach(int inFlight) throws InterruptedException {
    run(inFlight);
    double each = Double.MAX_VALUE;
    for (int round = 0; round < ROUNDS_MAX && each >= BYTES_MAX; round++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      if (before < 0) {
        throw new IllegalStateException("this JVM does not count what threads allocate");
      }
      run(inFlight);
      each = Math.min(each, (double) (THREADS.getCurrentThreadAllocatedBytes() - before) / count);
    }
    return each;
  }

  private void run(int inFlight) throws InterruptedException {
    for (int done = 0; done < count; done += inFlight) {
      for (int i = 0; i < inFlight; i++) {
        PostResult posted = operation.post();
        if (posted != PostResult.POSTED) {
          throw new IllegalStateException("not posted: " + posted);
        }
      }
      for (int left = inFlight; left > 0; ) {
        int given = pair.completions().await(sink, left, WAIT_NANOS);
        if (given == 0) {
          throw new IllegalStateException("no completion; " + pair.disconnectCause());
        }
        left -= given;
      }
    }
  }
}
