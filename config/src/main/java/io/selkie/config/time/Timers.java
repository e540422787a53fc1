package io.selkie.config.time;

/**
 * One-shot timers, injected so that the simulation can own them. A task runs on the
 * implementation's timer thread: it must be short and must not block; work that blocks is handed
 * on.
 */
public interface Timers {

  /** A pending timer. */
  interface Timer {
    /** Takes it back; returns false when it already ran, runs now or was cancelled. */
    boolean cancel();
  }

  /**
   * Runs a task once.
   *
   * @param delayNanos from now; 0 or less means as soon as possible, never on the caller's stack
   */
  Timer schedule(long delayNanos, Runnable task);
}
