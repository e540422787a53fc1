package io.selkie.server.trace;

import io.selkie.layout.LayoutEvents;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;

/**
 * The most recent events. Its places are made once; adding takes no lock and waits for nobody, so
 * that an event costs next to nothing. Safe for use by several threads.
 *
 * <p>A place is written between two writes of its number: first a mark that it is being written,
 * then the number of the event that is in it now. Who reads takes what stands there only when the
 * number is the same before and after.
 */
public final class EventRing {

  /** How many events a server keeps. */
  public static final int EVENTS_KEPT = 10_000;

  private static final long BEING_WRITTEN = -1;

  /**
   * An event with its place in the order of all.
   *
   * @param number 0 for the first since the start
   * @param event a {@link LayoutEvents.Event} or a {@link ServerEvent}
   */
  public record Entry(long number, Object event) {}

  private final int capacity;
  private final AtomicReferenceArray<Object> events;
  private final AtomicLongArray numbers;
  private final AtomicLong added = new AtomicLong();
  private final CopyOnWriteArrayList<Consumer<Entry>> followers = new CopyOnWriteArrayList<>();
  private volatile boolean keeps = true;

  /** With room for so many. */
  public EventRing(int capacity) {
    this.capacity = capacity;
    this.events = new AtomicReferenceArray<>(capacity);
    this.numbers = new AtomicLongArray(capacity);
    for (int i = 0; i < capacity; i++) {
      numbers.setPlain(i, BEING_WRITTEN);
    }
  }

  /** Keeps an event; the oldest goes when there is no room. */
  public void add(LayoutEvents.Event event) {
    put(event);
  }

  /** The same with one that is no layout event. */
  public void add(ServerEvent event) {
    put(event);
  }

  private void put(Object event) {
    if (!keeps) {
      return;
    }
    long number = added.getAndIncrement();
    int place = (int) (number % capacity);
    numbers.set(place, BEING_WRITTEN);
    events.set(place, event);
    numbers.set(place, number);
    if (!followers.isEmpty()) {
      Entry entry = new Entry(number, event);
      for (Consumer<Entry> follower : followers) {
        follower.accept(entry);
      }
    }
  }

  /** Switched off it forgets what comes, for who measures what it costs; it is on at first. */
  public void keep(boolean on) {
    keeps = on;
  }

  /** Whether what comes is kept. */
  public boolean keeps() {
    return keeps;
  }

  /** How many there were since the start. */
  public long count() {
    return added.get();
  }

  /**
   * The most recent ones, oldest first. One that is being replaced at this moment is left out.
   *
   * @param most at most so many
   */
  public List<Entry> recent(int most) {
    long end = added.get();
    long begin = Math.max(0, end - Math.min(most, capacity));
    List<Entry> found = new ArrayList<>((int) (end - begin));
    for (long number = begin; number < end; number++) {
      int place = (int) (number % capacity);
      if (numbers.get(place) == number) {
        Object event = events.get(place);
        if (numbers.get(place) == number) {
          found.add(new Entry(number, event));
        }
      }
    }
    return found;
  }

  /**
   * Tells of each event from now on, on the thread on which it happens: it must neither block nor
   * throw. The order is not quite that of the numbers.
   */
  public void follow(Consumer<Entry> follower) {
    followers.add(follower);
  }

  /** Ends {@link #follow}. */
  public void unfollow(Consumer<Entry> follower) {
    followers.remove(follower);
  }
}
