package io.selkie.server.vfs;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Filehandles lately seen and what they stood for, so that the same bytes need not be checked and
 * decoded over and over. Says nothing about whether the file still exists.
 *
 * <p>A table of sets of {@value #WAYS} places; it grows with what is in it, and when it may not any
 * more, one of a set makes room for the next. Safe for use by several threads: a look-up takes no
 * lock and allocates nothing.
 */
final class HandleCache {

  /** Handles kept at most; one takes about 280 bytes of heap. */
  static final int CAPACITY = 1 << 20;

  static final int WAYS = 8;

  private static final int FIRST_PLACES = 1 << 12;
  private static final int CHECK_BYTES = 8;

  private final int capacity;
  private final int placesMax;
  private volatile AtomicReferenceArray<Found> places = new AtomicReferenceArray<>(FIRST_PLACES);
  private int count;
  private int hand;

  /** Keeps at most {@value #CAPACITY}. */
  HandleCache() {
    this(CAPACITY);
  }

  /** Keeps at most so many, rounded up to a power of two. */
  HandleCache(int capacity) {
    this.capacity = Integer.highestOneBit(Math.max(FIRST_PLACES, 2 * capacity - 1));
    // Half of the places stay empty, so that hardly a set is full before the table is.
    this.placesMax = 2 * this.capacity;
  }

  /** How many are kept just now. */
  synchronized int size() {
    return count;
  }

  /** What these bytes stood for, or null. */
  Found find(byte[] handle) {
    if (handle.length < CHECK_BYTES) {
      return null;
    }
    AtomicReferenceArray<Found> now = places;
    int first = firstOf(handle, now.length());
    for (int i = first; i < first + WAYS; i++) {
      Found found = now.get(i);
      if (found != null && Arrays.equals(found.file().bytes(), handle)) {
        return found;
      }
    }
    return null;
  }

  /** Keeps what a handle stands for; another one may have to go. */
  synchronized void put(Found found) {
    if (count >= places.length() / 2 && places.length() < placesMax) {
      grow();
    }
    place(places, found);
  }

  private void place(AtomicReferenceArray<Found> table, Found found) {
    byte[] handle = found.file().bytes();
    int first = firstOf(handle, table.length());
    int free = -1;
    for (int i = first; i < first + WAYS; i++) {
      Found there = table.get(i);
      if (there == null) {
        free = i;
      } else if (Arrays.equals(there.file().bytes(), handle)) {
        table.set(i, found);
        return;
      }
    }
    if (free < 0 || count >= capacity) {
      hand++;
      int victim = first + (hand & (WAYS - 1));
      if (table.get(victim) == null) {
        // Of a set that is not full: its place is taken, and another set gives one up.
        dropAnother(table, victim);
      }
      table.set(victim, found);
      return;
    }
    table.set(free, found);
    count++;
  }

  private static void dropAnother(AtomicReferenceArray<Found> table, int but) {
    int mask = table.length() - 1;
    for (int i = but + WAYS & mask; i != but; i = i + 1 & mask) {
      if (table.get(i) != null) {
        table.set(i, null);
        return;
      }
    }
  }

  private void grow() {
    AtomicReferenceArray<Found> small = places;
    AtomicReferenceArray<Found> large =
        new AtomicReferenceArray<>((int) Math.min(placesMax, 4L * small.length()));
    count = 0;
    for (int i = 0; i < small.length(); i++) {
      Found found = small.get(i);
      if (found != null) {
        place(large, found);
      }
    }
    places = large;
  }

  /** A handle ends with its keyed checksum, which is as good as a hash can be. */
  private static int firstOf(byte[] handle, int places) {
    int last = handle.length - 1;
    int hash =
        (handle[last] & 0xff)
            | (handle[last - 1] & 0xff) << 8
            | (handle[last - 2] & 0xff) << 16
            | (handle[last - 3] & 0xff) << 24;
    return hash & (places - 1) & -WAYS;
  }
}
