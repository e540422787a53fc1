package io.selkie.server.metrics;

import io.selkie.layout.LayoutEvents.Event;
import java.util.ArrayList;
import java.util.List;

/** The most recent events. Safe for use by several threads. */
final class EventRing {

  private final Event[] ring;
  private long added;

  EventRing(int capacity) {
    ring = new Event[capacity];
  }

  synchronized void add(Event event) {
    ring[(int) (added++ % ring.length)] = event;
  }

  /** Oldest first. */
  synchronized List<Event> copy() {
    int count = (int) Math.min(added, ring.length);
    List<Event> events = new ArrayList<>(count);
    for (long i = added - count; i < added; i++) {
      events.add(ring[(int) (i % ring.length)]);
    }
    return events;
  }
}
