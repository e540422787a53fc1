package io.selkie.test.demo;

import java.util.List;
import java.util.Set;

/**
 * One thing that happened, on the one monotonic clock that all processes of a machine share.
 *
 * @param atNanos when, on that clock
 * @param event its name for programs, in snake case
 * @param from the lane where it began
 * @param to the lane where it arrived; the same lane when nothing travelled
 * @param text for people
 */
record Moment(long atNanos, String event, Lane from, Lane to, String text) {

  /** Who takes part, from left to right in the picture. */
  enum Lane {
    /** The other process. */
    OTHER("other process", 9),
    /** The server. */
    SERVER("server", 27),
    /** The client that holds the layout. */
    CLIENT("client", 45);

    private final String title;
    private final int column;

    Lane(String title, int column) {
      this.title = title;
      this.column = column;
    }

    /** Where its line stands in the picture. */
    int column() {
      return column;
    }

    String title() {
      return title;
    }
  }

  /** Whether the events come in this order, each exactly once; others may lie in between. */
  static boolean inOrder(List<Moment> moments, List<String> events) {
    return inOrder(moments, events, Set.of());
  }

  /**
   * The same, but some may come again.
   *
   * @param repeatable those: their first time counts
   */
  static boolean inOrder(List<Moment> moments, List<String> events, Set<String> repeatable) {
    long last = Long.MIN_VALUE;
    for (String event : events) {
      List<Moment> found = moments.stream().filter(m -> m.event().equals(event)).toList();
      boolean count = repeatable.contains(event) ? !found.isEmpty() : found.size() == 1;
      if (!count || found.getFirst().atNanos() < last) {
        return false;
      }
      last = found.getFirst().atNanos();
    }
    return true;
  }
}
