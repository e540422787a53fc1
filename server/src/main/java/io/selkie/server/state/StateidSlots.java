package io.selkie.server.state;

import io.selkie.protocol.nfs4.Stateid4;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.LongFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Where the states of one kind are kept, so that their stateids say where. What was given out by an
 * earlier server, or names what is long over, is told apart (RFC 8881 section 8.2.4):
 *
 * <pre>
 *    0       1               5               8               12
 *   +-------+---------------+---------------+---------------+
 *   | tag   | generation    | index         | boot epoch    |   other
 *   +-------+---------------+---------------+---------------+
 * </pre>
 *
 * <p>{@link #find} takes no lock and allocates nothing; changes are made under the owner's lock.
 *
 * @param <T> the states
 */
final class StateidSlots<T> {

  /** Most states at a time. */
  static final int MAX = (1 << 24) - 1;

  private static final int INDEX_BITS = 24;
  private static final int INDEX_MASK = (1 << INDEX_BITS) - 1;

  /**
   * Whether a state has this {@code other}.
   *
   * @param <T> the states
   */
  interface Match<T> {
    /** Says so. */
    boolean is(T state, long otherHigh);
  }

  private final int tag;
  private final int bootEpoch;
  private final Match<T> match;
  // Oldest first, so that an index rests as long as it can before its next use.
  private final ArrayDeque<Integer> free = new ArrayDeque<>();
  private int[] generations = new int[64];
  private volatile AtomicReferenceArray<T> slots = new AtomicReferenceArray<>(64);
  private int used;

  /**
   * Empty.
   *
   * @param tag first byte of every {@code other}
   * @param bootEpoch differs from that of every earlier server with the same state directory
   */
  StateidSlots(int tag, int bootEpoch, Match<T> match) {
    this.tag = tag;
    this.bootEpoch = bootEpoch;
    this.match = match;
  }

  /** Adds a state that is made with the first eight bytes of its {@code other}. */
  T add(LongFunction<T> make) {
    int index = takeIndex();
    long generation = Integer.toUnsignedLong(generations[index]++);
    T state = make.apply((long) tag << 56 | generation << INDEX_BITS | index);
    slots.set(index, state);
    return state;
  }

  private int takeIndex() {
    Integer rested = free.poll();
    if (rested != null) {
      return rested;
    }
    AtomicReferenceArray<T> full = slots;
    if (used == full.length()) {
      int larger = Math.min(full.length() * 2, INDEX_MASK + 1);
      generations = Arrays.copyOf(generations, larger);
      AtomicReferenceArray<T> grown = new AtomicReferenceArray<>(larger);
      for (int i = 0; i < full.length(); i++) {
        grown.set(i, full.get(i));
      }
      slots = grown;
    }
    return used++;
  }

  /** Forgets a state. */
  void remove(long otherHigh) {
    int index = (int) otherHigh & INDEX_MASK;
    slots.set(index, null);
    free.add(index);
  }

  /** The state that a stateid names, whatever its seqid; null when there is none. */
  T find(Stateid4 stateid) {
    if (!is(stateid, tag) || stateid.otherLow() != bootEpoch) {
      return null;
    }
    AtomicReferenceArray<T> now = slots;
    int index = (int) stateid.otherHigh() & INDEX_MASK;
    T state = index < now.length() ? now.get(index) : null;
    return state != null && match.is(state, stateid.otherHigh()) ? state : null;
  }

  /**
   * All states, without a lock: one that comes or goes meanwhile may be among them or not. Lazy, so
   * that whoever asks may take his time.
   */
  Stream<T> all() {
    AtomicReferenceArray<T> now = slots;
    return IntStream.range(0, now.length()).mapToObj(now::get).filter(Objects::nonNull);
  }

  /** Whether the {@code other} is one of a stateid with the tag, of whatever server. */
  static boolean is(Stateid4 stateid, int tag) {
    return stateid.otherHigh() >>> 56 == tag;
  }
}
