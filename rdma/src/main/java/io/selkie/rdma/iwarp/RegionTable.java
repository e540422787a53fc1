package io.selkie.rdma.iwarp;

import java.util.ArrayDeque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.IntFunction;
import java.util.random.RandomGenerator;

/**
 * Regions by STag. Looking up takes no lock and allocates nothing: a bucket is an immutable array
 * that registrations and removals replace.
 *
 * <p>An STag is 32 random bits (index and key octet alike), so it cannot be guessed from others.
 * The key of a dead region stays taken until so many others have died after it: an old key never
 * means somebody else's memory soon after.
 */
final class RegionTable {

  private static final int BUCKETS = 1 << 14;
  private static final IwarpRegion[] EMPTY = {};

  private final AtomicReferenceArray<IwarpRegion[]> buckets = new AtomicReferenceArray<>(BUCKETS);
  private final AtomicInteger live = new AtomicInteger();
  private final int regionsMax;
  private final int retiredMax;
  private final RandomGenerator random;
  private final ArrayDeque<IwarpRegion> retired = new ArrayDeque<>();

  /**
   * @param random where keys come from; it must be unpredictable outside of tests
   */
  RegionTable(int regionsMax, int retiredMax, RandomGenerator random) {
    this.regionsMax = regionsMax;
    this.retiredMax = retiredMax;
    this.random = random;
  }

  /** The region a key names, dead ones that are remembered included; null when there is none. */
  IwarpRegion lookup(int key) {
    IwarpRegion[] bucket = buckets.get(index(key));
    if (bucket != null) {
      for (IwarpRegion region : bucket) {
        if (region.key() == key) {
          return region;
        }
      }
    }
    return null;
  }

  /**
   * Adds what {@code maker} makes of a fresh key.
   *
   * @return null when the bound on regions is reached
   */
  IwarpRegion add(IntFunction<IwarpRegion> maker) {
    if (live.incrementAndGet() > regionsMax) {
      live.decrementAndGet();
      return null;
    }
    while (true) {
      int key = randomKey();
      if (key == 0) {
        // Zero stands for "all of memory" or "none" with several adapters.
        continue;
      }
      int index = index(key);
      IwarpRegion[] before = buckets.get(index);
      if (holds(before, key)) {
        continue;
      }
      IwarpRegion region = maker.apply(key);
      int count = before == null ? 0 : before.length;
      IwarpRegion[] after = new IwarpRegion[count + 1];
      if (before != null) {
        System.arraycopy(before, 0, after, 0, count);
      }
      after[count] = region;
      if (buckets.compareAndSet(index, before, after)) {
        return region;
      }
    }
  }

  /** Random bits for the base of a region. */
  synchronized long randomBits() {
    return random.nextLong();
  }

  /** Retires a dead region; its key stays taken for a while. */
  synchronized void retire(IwarpRegion region) {
    live.decrementAndGet();
    retired.addLast(region);
    if (retired.size() > retiredMax) {
      remove(retired.removeFirst());
    }
  }

  private synchronized int randomKey() {
    return random.nextInt();
  }

  private void remove(IwarpRegion region) {
    int index = index(region.key());
    while (true) {
      IwarpRegion[] before = buckets.get(index);
      int at = 0;
      while (before[at] != region) {
        at++;
      }
      IwarpRegion[] after = before.length == 1 ? EMPTY : new IwarpRegion[before.length - 1];
      System.arraycopy(before, 0, after, 0, at);
      System.arraycopy(before, at + 1, after, at, before.length - at - 1);
      if (buckets.compareAndSet(index, before, after)) {
        return;
      }
    }
  }

  private static boolean holds(IwarpRegion[] bucket, int key) {
    if (bucket != null) {
      for (IwarpRegion region : bucket) {
        if (region.key() == key) {
          return true;
        }
      }
    }
    return false;
  }

  private static int index(int key) {
    return (key ^ key >>> 14 ^ key >>> 28) & (BUCKETS - 1);
  }
}
