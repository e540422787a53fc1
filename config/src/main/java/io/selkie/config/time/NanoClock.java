package io.selkie.config.time;

/** Monotonic time, injected so that the simulation can own it. Safe for use by several threads. */
@FunctionalInterface
public interface NanoClock {
  /**
   * Nanoseconds since an arbitrary origin; differences are meaningful, wrap-around is not a case.
   */
  long nanoTime();

  /** The system's monotonic clock. The only place that asks it. */
  static NanoClock system() {
    return System::nanoTime;
  }
}
