package io.selkie.server.state;

import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.LockOwner4;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * All byte-range locks of one file, with the semantics of POSIX: the last request of an owner says
 * how each byte is locked, whatever it held before; ranges are cut and joined as that needs.
 * Whoever uses it holds its monitor.
 */
final class FileLocks {

  /** What stands under one stateid. */
  record Key(OpenState open, LockOwner4 owner) {}

  final FileIdentity file;
  final LockQueue queue = new LockQueue();
  final Map<Key, LockState> states = new HashMap<>();

  /** Taken out of the table, where another one may be by now. */
  boolean isDead;

  /** The kernel holds more than it should, because it refused to let go. */
  boolean kernelIsBehind;

  private final LockTree exclusive = new LockTree();
  private final LockTree shared = new LockTree();
  private final Map<LockOwner4, NavigableMap<Long, ByteLock>> byOwner = new HashMap<>();

  FileLocks(FileIdentity file) {
    this.file = file;
  }

  boolean isEmpty() {
    return states.isEmpty() && queue.isEmpty() && byOwner.isEmpty();
  }

  /** How many ranges are locked. */
  int size() {
    return exclusive.size() + shared.size();
  }

  /** All locks, owner by owner. */
  List<ByteLock> all() {
    List<ByteLock> locks = new ArrayList<>(size());
    byOwner.values().forEach(own -> locks.addAll(own.values()));
    return locks;
  }

  /** The first lock of anybody else that is in the way; null when there is none. */
  ByteLock conflict(LockRange range, boolean wantsExclusive, LockOwner4 owner) {
    ByteLock found = exclusive.firstOfOthers(range, owner);
    return found == null && wantsExclusive ? shared.firstOfOthers(range, owner) : found;
  }

  /**
   * Locks a range that nobody else's lock is in the way of.
   *
   * @return how many ranges there are more, which may be negative
   */
  int lock(LockState state, LockRange range, boolean wantsExclusive) {
    int before = size();
    cut(state.owner(), range);
    NavigableMap<Long, ByteLock> own =
        byOwner.computeIfAbsent(state.owner(), any -> new TreeMap<>(Long::compareUnsigned));
    ByteLock lock = new ByteLock(state, range, wantsExclusive);
    var lower = own.lowerEntry(range.first());
    if (lower != null && joins(lower.getValue(), lock)) {
      remove(own, lower.getValue());
      lock = lock.of(lower.getValue().range.first(), lock.range.last());
    }
    var higher = own.higherEntry(range.first());
    if (higher != null && joins(lock, higher.getValue())) {
      remove(own, higher.getValue());
      lock = lock.of(lock.range.first(), higher.getValue().range.last());
    }
    add(own, lock);
    return size() - before;
  }

  private static boolean joins(ByteLock before, ByteLock after) {
    return before.range.meets(after.range) && before.isLike(after);
  }

  /**
   * Unlocks whatever an owner holds of a range.
   *
   * @return what was locked
   */
  List<LockRange> unlock(LockOwner4 owner, LockRange range) {
    List<LockRange> parts = cut(owner, range);
    byOwner.computeIfPresent(owner, (any, own) -> own.isEmpty() ? null : own);
    return parts;
  }

  /**
   * Unlocks whatever stands under one stateid.
   *
   * @return what was locked
   */
  List<LockRange> unlock(LockState state) {
    List<LockRange> parts = new ArrayList<>(state.locks);
    NavigableMap<Long, ByteLock> own = byOwner.get(state.owner());
    if (own == null) {
      return parts;
    }
    for (ByteLock lock : List.copyOf(own.values())) {
      if (lock.state == state) {
        remove(own, lock);
        parts.add(lock.range);
      }
    }
    if (own.isEmpty()) {
      byOwner.remove(state.owner());
    }
    return parts;
  }

  /** Tells which bytes of a range nobody has locked any more. */
  void free(LockRange range, Consumer<LockRange> free) {
    shared.gaps(range, gap -> exclusive.gaps(gap, free));
  }

  /** Tells which bytes are locked, and whether exclusively. */
  void locked(BiConsumer<LockRange, Boolean> locked) {
    exclusive.covered(range -> locked.accept(range, true));
    shared.covered(range -> locked.accept(range, false));
  }

  /** Whether unlocking a range would make two locks of one. */
  boolean splits(LockOwner4 owner, LockRange range) {
    NavigableMap<Long, ByteLock> own = byOwner.get(owner);
    var entry = own == null ? null : own.floorEntry(range.first());
    return entry != null
        && Long.compareUnsigned(entry.getValue().range.first(), range.first()) < 0
        && Long.compareUnsigned(entry.getValue().range.last(), range.last()) > 0;
  }

  /** Takes a range out of an owner's locks; what is left of them at both ends stays. */
  private List<LockRange> cut(LockOwner4 owner, LockRange range) {
    List<LockRange> parts = new ArrayList<>(0);
    NavigableMap<Long, ByteLock> own = byOwner.get(owner);
    if (own == null) {
      return parts;
    }
    Long from = own.floorKey(range.first());
    Map<Long, ByteLock> candidates =
        own.subMap(from == null ? range.first() : from, true, range.last(), true);
    for (ByteLock lock : List.copyOf(candidates.values())) {
      LockRange held = lock.range;
      if (!held.overlaps(range)) {
        continue;
      }
      remove(own, lock);
      long first = held.first();
      long last = held.last();
      if (Long.compareUnsigned(first, range.first()) < 0) {
        add(own, lock.of(first, range.first() - 1));
        first = range.first();
      }
      if (Long.compareUnsigned(last, range.last()) > 0) {
        add(own, lock.of(range.last() + 1, last));
        last = range.last();
      }
      parts.add(new LockRange(first, last));
    }
    return parts;
  }

  private void add(NavigableMap<Long, ByteLock> own, ByteLock lock) {
    own.put(lock.range.first(), lock);
    (lock.exclusive ? exclusive : shared).add(lock);
    lock.state.locks++;
  }

  private void remove(NavigableMap<Long, ByteLock> own, ByteLock lock) {
    own.remove(lock.range.first());
    (lock.exclusive ? exclusive : shared).remove(lock);
    lock.state.locks--;
  }
}
