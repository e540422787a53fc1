package io.selkie.layout.block;

import io.selkie.config.time.Timers;
import io.selkie.lease.ByteRange;
import io.selkie.lease.PageCache;
import io.selkie.lease.ScsiUnit;
import io.selkie.lease.Seal;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the page cache forget what clients have written past it. What ends of one file meanwhile is
 * done together: one write-back, and each range once. So there is one task at a time for each seal,
 * however many handles end.
 *
 * <p>What stays is asked for again until it is gone: somebody has it in memory, or the disk does
 * not answer. Safe for use by several threads.
 */
final class CacheDrops {

  private static final Logger LOG = LoggerFactory.getLogger(CacheDrops.class);
  private static final long AGAIN_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private final PageCache cache;
  private final Timers timers;
  private final Function<ScsiUnit, Executor> blocking;

  /** Handles whose end waits, by their seal; a seal that is here has its task. */
  private final IdentityHashMap<Seal, List<Drop>> waiting = new IdentityHashMap<>();

  /**
   * None yet.
   *
   * @param blocking runs what waits for a disk; each has threads of its own
   */
  CacheDrops(PageCache cache, Timers timers, Function<ScsiUnit, Executor> blocking) {
    this.cache = cache;
    this.timers = timers;
    this.blocking = blocking;
  }

  /** Something to be forgotten; told on a thread that may block, without any lock. */
  interface Drop {
    /** Whole pages. */
    ByteRange range();

    /** It is gone. End. */
    void gone();

    /** It is still there, and is asked for again. */
    void stays(String why);

    /** That begins now. */
    void again();
  }

  /** Forgets, soon. The seal lives until the drop is told that it is gone. */
  void add(ScsiUnit unit, Seal seal, Drop drop) {
    if (queue(seal, List.of(drop))) {
      blocking.apply(unit).execute(() -> work(unit, seal));
    }
  }

  /** True when the seal needs a task. */
  private synchronized boolean queue(Seal seal, List<Drop> drops) {
    List<Drop> known = waiting.get(seal);
    if (known != null) {
      known.addAll(drops);
      return false;
    }
    waiting.put(seal, new ArrayList<>(drops));
    return true;
  }

  private synchronized List<Drop> take(Seal seal) {
    return waiting.remove(seal);
  }

  private void work(ScsiUnit unit, Seal seal) {
    List<Drop> drops = take(seal);
    drops.sort(Comparator.comparingLong(drop -> drop.range().offset()));
    List<Drop> left = new ArrayList<>(0);
    int written = writeBack(seal);
    int from = 0;
    while (from < drops.size()) {
      ByteRange range = drops.get(from).range();
      int to = from + 1;
      while (to < drops.size() && drops.get(to).range().offset() <= range.end()) {
        long end = Math.max(range.end(), drops.get(to).range().end());
        range = new ByteRange(range.offset(), end - range.offset());
        to++;
      }
      int result = written < 0 ? written : forget(seal, range);
      for (Drop drop : drops.subList(from, to)) {
        if (result < 0) {
          drop.stays(PageCache.describe(result));
          left.add(drop);
        } else {
          drop.gone();
        }
      }
      from = to;
    }
    if (!left.isEmpty()) {
      timers.schedule(AGAIN_NANOS, () -> again(unit, seal, left));
    }
  }

  private void again(ScsiUnit unit, Seal seal, List<Drop> left) {
    left.forEach(Drop::again);
    if (queue(seal, left)) {
      blocking.apply(unit).execute(() -> work(unit, seal));
    }
  }

  private int writeBack(Seal seal) {
    try {
      return cache.writeBack(seal.target());
    } catch (RuntimeException e) {
      return failed(seal, e);
    }
  }

  private int forget(Seal seal, ByteRange range) {
    try {
      return cache.forget(seal.target(), range);
    } catch (RuntimeException e) {
      return failed(seal, e);
    }
  }

  /** Whoever waits must hear that it stays, or it stays for ever. */
  private static int failed(Seal seal, RuntimeException e) {
    LOG.error("the page cache of {}", seal.target().describe(), e);
    return PageCache.FAILED;
  }
}
