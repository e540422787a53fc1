package io.selkie.layout;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** A clock that stands still until it is moved, and timers that run when it is. */
final class FakeTime implements NanoClock, Timers {
  private long nowNanos = 1_000_000_000L;
  private long order;
  private final List<Pending> pending = new ArrayList<>();

  private record Pending(long atNanos, long order, Runnable task) {}

  @Override
  public long nanoTime() {
    return nowNanos;
  }

  @Override
  public Timer schedule(long delayNanos, Runnable task) {
    Pending entry = new Pending(nowNanos + Math.max(0, delayNanos), order++, task);
    pending.add(entry);
    return () -> pending.remove(entry);
  }

  void advance(long nanos) {
    long until = nowNanos + nanos;
    while (true) {
      Pending next =
          pending.stream()
              .filter(entry -> entry.atNanos <= until)
              .min(Comparator.comparingLong(Pending::atNanos).thenComparingLong(Pending::order))
              .orElse(null);
      if (next == null) {
        nowNanos = until;
        return;
      }
      pending.remove(next);
      nowNanos = Math.max(nowNanos, next.atNanos);
      next.task.run();
    }
  }

  int timers() {
    return pending.size();
  }
}
