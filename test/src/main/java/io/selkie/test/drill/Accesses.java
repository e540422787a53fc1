package io.selkie.test.drill;

import java.util.concurrent.atomic.AtomicLong;

/** What became of a client's one-sided accesses. Safe for use by several threads. */
final class Accesses {

  /** Of a client that never did anything. */
  static final Tally NONE = new Tally(0, 0, 0, 0);

  private final AtomicLong placed = new AtomicLong();
  private final AtomicLong refused = new AtomicLong();
  private final AtomicLong tooLate = new AtomicLong();
  private final AtomicLong refusedAfter = new AtomicLong();

  /**
   * How they stand.
   *
   * @param placed that succeeded
   * @param refused that failed
   * @param placedAfterEnd that succeeded though they began when nothing might land any more
   * @param refusedAfterEnd that began then and failed
   */
  record Tally(long placed, long refused, long placedAfterEnd, long refusedAfterEnd) {}

  /** One ended; {@code wasOver} when its layout was over before it began. */
  void count(boolean success, boolean wasOver) {
    (success ? placed : refused).incrementAndGet();
    if (wasOver) {
      (success ? tooLate : refusedAfter).incrementAndGet();
    }
  }

  Tally tally() {
    return new Tally(placed.get(), refused.get(), tooLate.get(), refusedAfter.get());
  }
}
