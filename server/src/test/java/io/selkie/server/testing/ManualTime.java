package io.selkie.server.testing;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Time that goes on only when a test says so; timers run on the thread that says it. */
public final class ManualTime implements NanoClock, Timers {

  private static final class Pending {
    final long atNanos;
    final Runnable task;

    Pending(long atNanos, Runnable task) {
      this.atNanos = atNanos;
      this.task = task;
    }
  }

  private final List<Pending> pending = new ArrayList<>();
  private long nowNanos = 1;

  @Override
  public synchronized long nanoTime() {
    return nowNanos;
  }

  @Override
  public synchronized Timer schedule(long delayNanos, Runnable task) {
    Pending entry = new Pending(nowNanos + Math.max(0, delayNanos), task);
    pending.add(entry);
    return () -> {
      synchronized (this) {
        return pending.remove(entry);
      }
    };
  }

  /** How many timers are pending. */
  public synchronized int pendingCount() {
    return pending.size();
  }

  /** Lets time pass, and runs the timers that are due, in order. */
  public void pass(long amount, TimeUnit unit) {
    long until = nanoTime() + unit.toNanos(amount);
    while (true) {
      Pending due = null;
      synchronized (this) {
        for (Pending entry : pending) {
          if (entry.atNanos <= until && (due == null || entry.atNanos < due.atNanos)) {
            due = entry;
          }
        }
        if (due == null) {
          nowNanos = until;
          return;
        }
        pending.remove(due);
        nowNanos = Math.max(nowNanos, due.atNanos);
      }
      due.task.run();
    }
  }
}
