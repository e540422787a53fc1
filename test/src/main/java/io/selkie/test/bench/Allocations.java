package io.selkie.test.bench;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** What the server's threads allocate for an operation. */
final class Allocations {

  private static final Set<String> BY_THE_CLOCK = Set.of("audit", "timers");

  private final Diagnostics diagnostics;
  private final int operations;

  Allocations(Diagnostics diagnostics, int operations) {
    this.diagnostics = diagnostics;
    this.operations = operations;
  }

  /**
   * Bytes by group of threads, for each of the operations, and under {@code total} their sum; that
   * leaves out the groups that work by the clock, whatever the clients do, but they are shown.
   *
   * @param action once; it has run often enough before to be in its steady state
   */
  Map<String, Double> each(Meter.Action action) throws Exception {
    // Twice, so that what the first report itself allocated is not counted.
    diagnostics.allocatedBytes();
    Map<String, Long> before = diagnostics.allocatedBytes();
    for (int i = 0; i < operations; i++) {
      action.run();
    }
    Map<String, Long> after = diagnostics.allocatedBytes();
    Map<String, Double> each = new TreeMap<>();
    double total = 0;
    for (Map.Entry<String, Long> group : after.entrySet()) {
      long bytes = group.getValue() - before.getOrDefault(group.getKey(), 0L);
      if (bytes > 0) {
        each.put(group.getKey(), (double) bytes / operations);
        if (!BY_THE_CLOCK.contains(group.getKey())) {
          total += (double) bytes / operations;
        }
      }
    }
    each.put("total", total);
    return each;
  }
}
