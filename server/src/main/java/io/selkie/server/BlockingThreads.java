package io.selkie.server;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionHandler;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Threads for the server's own work that may block in the kernel: grants that waited and audits on
 * some, seals to be released on others, departures of clients on others again. Bounded: beyond that
 * the caller does the work itself, which slows down who makes too much of it and loses nothing; or
 * it is refused, see {@link #refusing}.
 */
public final class BlockingThreads implements Executor, AutoCloseable {

  private static final int QUEUE_LENGTH = 65_536;

  private final ThreadPoolExecutor threads;

  /**
   * So many threads, which wait for work from now on. They are made here and not by who brings
   * work: a thread of Linux has the nice value and the slice of the one that made it, and who
   * brings work may be {@linkplain io.selkie.posix.PatientThreads patient}.
   */
  public BlockingThreads(String name, int count) {
    this(name, count, QUEUE_LENGTH, (task, pool) -> task.run());
  }

  private BlockingThreads(
      String name, int count, int queueLength, RejectedExecutionHandler beyond) {
    threads =
        new ThreadPoolExecutor(
            count,
            count,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(queueLength),
            Thread.ofPlatform().name(name + "-", 0).daemon().factory(),
            beyond);
    threads.prestartAllCoreThreads();
  }

  /** Threads that refuse what is beyond their queue, with RejectedExecutionException. */
  static BlockingThreads refusing(String name, int count, int queueLength) {
    return new BlockingThreads(name, count, queueLength, new ThreadPoolExecutor.AbortPolicy());
  }

  @Override
  public void execute(Runnable task) {
    threads.execute(task);
  }

  /** Lets what is queued finish on its own; what comes later is run by whoever brings it. */
  @Override
  public void close() {
    threads.shutdown();
  }
}
