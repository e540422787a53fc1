package io.selkie.server.session;

import java.util.HashMap;
import java.util.Map;

/**
 * How many client records there are from each host, so that one host cannot take them all. Used
 * under the table's lock.
 */
final class HostCounts {

  private final Map<Object, Integer> counts = new HashMap<>();

  void add(Object host) {
    counts.merge(host, 1, Integer::sum);
  }

  void remove(Object host) {
    counts.computeIfPresent(host, (any, count) -> count == 1 ? null : count - 1);
  }

  int of(Object host) {
    return counts.getOrDefault(host, 0);
  }
}
