package io.selkie.layout;

import io.selkie.config.time.Timers;

/** A place for one timer that may be cancelled before it was started: effects run unordered. */
final class TimerSlot {
  private Timers.Timer timer;
  private boolean cancelled;

  synchronized void start(Timers timers, long delayNanos, Runnable task) {
    if (!cancelled) {
      timer = timers.schedule(delayNanos, task);
    }
  }

  void cancel() {
    Timers.Timer running;
    synchronized (this) {
      cancelled = true;
      running = timer;
      timer = null;
    }
    if (running != null) {
      running.cancel();
    }
  }
}
