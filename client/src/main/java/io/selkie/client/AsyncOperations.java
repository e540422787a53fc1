package io.selkie.client;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Bounds a client's asynchronous operations and runs the ones that have to block. */
final class AsyncOperations implements AutoCloseable {
  private static final int THREADS_MAX = 8;
  private static final long IDLE_SECONDS = 10;

  /** An operation that blocks. */
  @FunctionalInterface
  interface Blocking {
    long run() throws IOException;
  }

  private final Semaphore inFlight;
  private final ThreadPoolExecutor threads;

  AsyncOperations(int inFlightMax, String name) {
    inFlight = new Semaphore(inFlightMax);
    threads =
        new ThreadPoolExecutor(
            Math.min(THREADS_MAX, inFlightMax),
            Math.min(THREADS_MAX, inFlightMax),
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(inFlightMax),
            Thread.ofPlatform().daemon().name(name + " io-", 0).factory());
    threads.allowCoreThreadTimeOut(true);
  }

  /** A new operation; waits while too many are in flight. */
  CompletableFuture<Long> begin() {
    inFlight.acquireUninterruptibly();
    return new CompletableFuture<>();
  }

  void complete(CompletableFuture<Long> operation, long result) {
    inFlight.release();
    operation.complete(result);
  }

  private void fail(CompletableFuture<Long> operation, Exception cause) {
    inFlight.release();
    operation.completeExceptionally(cause);
  }

  /** Runs the operation on a thread that may block; its end is the future's. */
  void run(CompletableFuture<Long> operation, Blocking blocking) {
    try {
      threads.execute(() -> {
        try {
          complete(operation, blocking.run());
        } catch (IOException | RuntimeException e) {
          fail(operation, e);
        }
      });
    } catch (RejectedExecutionException e) {
      fail(operation, new IOException("the client is closed", e));
    }
  }

  @Override
  public void close() {
    threads.shutdown();
  }
}
