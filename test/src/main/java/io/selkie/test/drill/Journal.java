package io.selkie.test.drill;

import io.selkie.config.time.NanoClock;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** What the drill itself sees, and what it is waiting for. Safe for use by several threads. */
final class Journal {

  /** The lane of local processes and of what the drill does itself. */
  static final String LOCAL = "local";

  /** The server's lane. */
  static final String SERVER = "server";

  private static final int MARKS_MAX = 20_000;

  private final NanoClock clock;
  private final List<Mark> marks = new ArrayList<>();
  private final ConcurrentHashMap<Long, String> waiting = new ConcurrentHashMap<>();
  private final AtomicLong nextWait = new AtomicLong();

  Journal(NanoClock clock) {
    this.clock = clock;
  }

  /** Something happened now. */
  void note(String lane, String event, String text) {
    note(new Mark(clock.nanoTime(), lane, lane, event, 0, text));
  }

  /** Something happened; what goes beyond the bound is left out of the picture only. */
  synchronized void note(Mark mark) {
    if (marks.size() < MARKS_MAX) {
      marks.add(mark);
    }
  }

  synchronized List<Mark> marks() {
    return List.copyOf(marks);
  }

  /** Something is waited for until the answer is closed. */
  Wait waitFor(String what) {
    long id = nextWait.incrementAndGet();
    waiting.put(id, what);
    return () -> waiting.remove(id);
  }

  /** What is being waited for now, the oldest first. */
  List<String> waiting() {
    return waiting.entrySet().stream()
        .sorted(java.util.Map.Entry.comparingByKey())
        .map(java.util.Map.Entry::getValue)
        .toList();
  }

  /** A wait under way. */
  @FunctionalInterface
  interface Wait extends AutoCloseable {
    @Override
    void close();
  }
}
