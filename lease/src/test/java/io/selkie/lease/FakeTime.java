package io.selkie.lease;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** A clock that a test sets, and the timers on it. For one thread. */
final class FakeTime implements NanoClock, Timers {
  private final List<Pending> pending = new ArrayList<>();
  private long nowNanos = 1_000_000_000L;

  private record Pending(long atNanos, Runnable task) {}

  @Override
  public long nanoTime() {
    return nowNanos;
  }

  @Override
  public Timer schedule(long delayNanos, Runnable task) {
    Pending timer = new Pending(nowNanos + Math.max(0, delayNanos), task);
    pending.add(timer);
    return () -> pending.remove(timer);
  }

  int pending() {
    return pending.size();
  }

  /** Lets time go by, and what is due happen in its order. */
  void advance(long nanos) {
    long until = nowNanos + nanos;
    for (; ; ) {
      Optional<Pending> next =
          pending.stream()
              .filter(timer -> timer.atNanos <= until)
              .min(Comparator.comparingLong(Pending::atNanos));
      if (next.isEmpty()) {
        nowNanos = until;
        return;
      }
      pending.remove(next.get());
      nowNanos = Math.max(nowNanos, next.get().atNanos);
      next.get().task.run();
    }
  }
}
