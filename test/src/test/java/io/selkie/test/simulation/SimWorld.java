package io.selkie.test.simulation;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import java.util.ArrayDeque;
import java.util.PriorityQueue;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/** Time, chance and everything that is to happen: one queue of events, run one after the other. */
final class SimWorld implements NanoClock, Timers {
  static final long MICRO = 1_000L;
  static final long MILLI = 1_000_000L;
  static final long SECOND = 1_000_000_000L;

  private static final int LOG_LINES = 200;
  private static final int NESTING_MAX = 2;

  final long seed;
  final RandomGenerator random;
  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private final ArrayDeque<Line> log = new ArrayDeque<>();
  private long nowNanos = SECOND;
  private long order;
  private long steps;
  private int nesting;

  private static final class Event implements Timer, Comparable<Event> {
    final long atNanos;
    final long order;
    final Runnable task;
    boolean over;

    Event(long atNanos, long order, Runnable task) {
      this.atNanos = atNanos;
      this.order = order;
      this.task = task;
    }

    @Override
    public boolean cancel() {
      boolean cancelled = !over;
      over = true;
      return cancelled;
    }

    @Override
    public int compareTo(Event that) {
      int byTime = Long.compare(atNanos, that.atNanos);
      return byTime != 0 ? byTime : Long.compare(order, that.order);
    }
  }

  private record Line(long atNanos, String what, Object a, Object b) {
    @Override
    public String toString() {
      return "%15d %s %s %s".formatted(atNanos, what, a == null ? "" : a, b == null ? "" : b);
    }
  }

  SimWorld(long seed) {
    this.seed = seed;
    this.random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
  }

  @Override
  public long nanoTime() {
    return nowNanos;
  }

  @Override
  public Timer schedule(long delayNanos, Runnable task) {
    Event event = new Event(nowNanos + Math.max(0, delayNanos), order++, task);
    events.add(event);
    return event;
  }

  /** Some time from now, between the bounds. */
  void soon(long fromNanos, long toNanos, Runnable task) {
    schedule(between(fromNanos, toNanos), task);
  }

  long between(long from, long to) {
    return from + random.nextLong(to - from + 1);
  }

  boolean chance(int percent) {
    return random.nextInt(100) < percent;
  }

  long steps() {
    return steps;
  }

  /** Runs the next event; false when there is none. */
  boolean step() {
    Event next = events.poll();
    while (next != null && next.over) {
      next = events.poll();
    }
    if (next == null) {
      return false;
    }
    next.over = true;
    nowNanos = Math.max(nowNanos, next.atNanos);
    steps++;
    next.task.run();
    return true;
  }

  /**
   * Called wherever the code under test is in a call that takes time on a real machine: now and
   * then other things happen in the middle of it, as other threads would make them happen.
   */
  void interleave() {
    if (nesting < NESTING_MAX && random.nextInt(100) < 8) {
      nesting++;
      try {
        step();
      } finally {
        nesting--;
      }
    }
  }

  /** The same in the middle of a call on something: now and then the adversary does his worst. */
  <T> void interleave(T on, Consumer<T> adversary) {
    interleave();
    if (nesting < NESTING_MAX && random.nextInt(100) < 2) {
      nesting++;
      try {
        adversary.accept(on);
      } finally {
        nesting--;
      }
    }
  }

  void log(String what, Object a, Object b) {
    if (log.size() == LOG_LINES) {
      log.removeFirst();
    }
    log.addLast(new Line(nowNanos, what, a, b));
  }

  String lastEvents() {
    StringBuilder text = new StringBuilder();
    log.forEach(line -> text.append(line).append('\n'));
    return text.toString();
  }
}
