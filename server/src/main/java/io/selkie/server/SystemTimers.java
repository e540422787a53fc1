package io.selkie.server;

import io.selkie.config.time.Timers;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@link Timers} on one thread of the system's clock. */
public final class SystemTimers implements Timers, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(SystemTimers.class);

  private final ScheduledThreadPoolExecutor executor;

  /** Starts the thread. */
  public SystemTimers(String threadName) {
    executor =
        new ScheduledThreadPoolExecutor(
            1,
            Thread.ofPlatform().name(threadName).daemon(true).factory(),
            // After close nobody waits for a timer any more.
            new ThreadPoolExecutor.DiscardPolicy());
    executor.setRemoveOnCancelPolicy(true);
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    // Not by the first timer: the thread would have the priority of who wants that.
    executor.prestartCoreThread();
  }

  @Override
  public Timer schedule(long delayNanos, Runnable task) {
    ScheduledFuture<?> future =
        executor.schedule(() -> run(task), Math.max(0, delayNanos), TimeUnit.NANOSECONDS);
    return () -> future.cancel(false);
  }

  private static void run(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException | Error e) {
      // One broken task must not silence the others; an Error goes on to the thread's handler too.
      LOG.error("a timer's task failed", e);
      if (e instanceof Error error) {
        throw error;
      }
    }
  }

  /** Drops what is pending. Idempotent. */
  @Override
  public void close() {
    executor.shutdownNow();
  }
}
