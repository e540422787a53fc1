package io.selkie.server.media;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.RecallCause;
import io.selkie.layout.RecallFilter;
import io.selkie.lease.BlockMap;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.LeaseRuntime;
import io.selkie.lease.MediaCheck;
import io.selkie.lease.SealTarget;
import io.selkie.posix.BadBlockLists;
import io.selkie.posix.BadRanges;
import io.selkie.posix.DaxDevice.BadBlockList;
import io.selkie.posix.DeviceFiles;
import io.selkie.posix.DeviceMemory;
import io.selkie.posix.PosixException;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Bad blocks of the storage that files lie on, as the kernel lists them. No layout is granted over
 * them, and what was granted is recalled when they turn up; reads and writes of them through the
 * server fail by themselves, as the kernel refuses them (a device's own: {@link DeviceMemory}).
 *
 * <p>The list of a device is read with each LAYOUTGET of a file on it, which costs some
 * microseconds, when the kernel tells of a change, when an administrator asks, and now and then
 * beside the audits of the seals, for lists that are changed without a word. Nothing of it is on
 * the data path.
 *
 * <p>Safe for use by several threads.
 */
public final class MediaErrors implements MediaCheck {
  private static final Logger LOG = LoggerFactory.getLogger(MediaErrors.class);

  private static final int SOURCES_MAX = 4096;
  private static final long REFRESH_NANOS = TimeUnit.SECONDS.toNanos(30);

  /** Which list a file's blocks are in: of a device's memory, or of the file system's device. */
  private sealed interface Key {
    record OfDevice(DeviceMemory memory) implements Key {}

    record OfDisk(long device) implements Key {}
  }

  private static final class Source {
    final Optional<BadBlockList> list;
    final long sizeBytes;
    volatile BadRanges bad = BadRanges.NONE;
    volatile boolean unreadable;

    Source(Optional<BadBlockList> list, long sizeBytes) {
      this.list = list;
      this.sizeBytes = sizeBytes;
    }
  }

  private final DeviceFiles kernel;
  private final BadBlockLists lists;
  private final NanoClock clock;
  private final ServerMetrics metrics;
  private final Executor later;
  private final Map<Key, Source> sources = new ConcurrentHashMap<>();
  private final AtomicLong refreshedAtNanos;

  /** One of them at a time waits to begin, however many changes there are. */
  private final AtomicBoolean recallWaits = new AtomicBoolean();

  private volatile LeaseRuntime leases;
  private volatile LayoutArbiter arbiter;

  /**
   * Knows nothing yet: devices come to be known with the files that layouts are asked of.
   *
   * @param later recalls what has to be
   */
  public MediaErrors(
      DeviceFiles kernel,
      BadBlockLists lists,
      NanoClock clock,
      ServerMetrics metrics,
      Executor later) {
    this.later = later;
    this.kernel = kernel;
    this.lists = lists;
    this.clock = clock;
    this.metrics = metrics;
    this.refreshedAtNanos = new AtomicLong(clock.nanoTime());
    metrics.gauge(Metric.BAD_BLOCK_RANGES, this::count);
  }

  /** Begins to check what these grant. */
  public void attach(LeaseRuntime newLeases, LayoutArbiter newArbiter) {
    leases = newLeases;
    arbiter = newArbiter;
    newLeases.mediaCheck(this);
    lists.deliverTo(
        new BadBlockLists.Listener() {
          @Override
          public void changed() {
            refresh();
          }

          @Override
          public void failed(PosixException why) {
            LOG.error("new bad blocks are found later from now on: {}", why.getMessage());
          }
        });
  }

  @Override
  public Optional<String> trouble(SealTarget target, BlockMap map) {
    Source source = source(target);
    if (source == null) {
      return Optional.empty();
    }
    boolean more = read(keyOf(target), source);
    BadRanges bad = source.bad;
    if (more) {
      recallLater();
    }
    return firstBad(map, bad)
        .map(extent ->
            "bytes "
                + extent.logical()
                + "+"
                + extent.length()
                + " of "
                + target.describe()
                + " lie on bad blocks ("
                + source.list.orElseThrow().file()
                + ": "
                + bad
                + "); "
                + advice(keyOf(target)));
  }

  private static String advice(Key key) {
    return switch (key) {
      case Key.OfDisk _ ->
          "restore them from a copy: what is written there anew, in whole blocks, clears them";
      case Key.OfDevice _ ->
          "no write clears them: take the export away, clear them (ndctl clear-errors), and restore"
              + " them from a copy";
    };
  }

  /** What of a map lies on bad blocks. */
  private static Optional<Extent> firstBad(BlockMap map, BadRanges bad) {
    if (bad.count() == 0) {
      return Optional.empty();
    }
    return map.extents().stream()
        .filter(Extent::located)
        .filter(e -> bad.overlap(e.physical(), e.physical() + e.length()))
        .findFirst();
  }

  private Key keyOf(SealTarget target) {
    DeviceMemory memory = kernel.behind(target.fd());
    return memory == null ? new Key.OfDisk(target.identity().device()) : new Key.OfDevice(memory);
  }

  /** The list that a file's blocks are in, or null when there is none. */
  private Source source(SealTarget target) {
    Key key = keyOf(target);
    Source known = sources.get(key);
    if (known == null) {
      if (sources.size() >= SOURCES_MAX) {
        sources.clear();
      }
      known = sources.computeIfAbsent(key, this::find);
    }
    return known.list.isPresent() ? known : null;
  }

  private Source find(Key key) {
    Source source =
        switch (key) {
          case Key.OfDevice(DeviceMemory memory) ->
              new Source(memory.device().badBlocks(), memory.device().sizeBytes());
          case Key.OfDisk(long device) -> new Source(lists.ofDisk(device), Long.MAX_VALUE);
        };
    source.list.ifPresent(this::watch);
    return source;
  }

  private void watch(BadBlockList list) {
    try {
      lists.watch(list.file());
    } catch (PosixException e) {
      LOG.warn("changes of {} are not heard of at once: {}", list.file(), e.getMessage());
    }
  }

  /** Reads a list; whether there is something in it that was not before. */
  private boolean read(Key key, Source source) {
    BadBlockList list = source.list.orElse(null);
    if (list == null) {
      return false;
    }
    BadRanges before;
    BadRanges now;
    try {
      // In turn: who has read an older list must not be the last to say what is in it.
      synchronized (source) {
        now = list.read(source.sizeBytes);
        before = source.bad;
        source.bad = now;
        if (key instanceof Key.OfDevice(DeviceMemory memory)) {
          memory.bad(now);
        }
      }
      if (source.unreadable) {
        source.unreadable = false;
        // The disk is there again, and its list is another one.
        watch(list);
      }
    } catch (IOException | NumberFormatException e) {
      if (!source.unreadable) {
        source.unreadable = true;
        LOG.warn("{} cannot be read; what was in it counts on: {}", list.file(), e.toString());
      }
      return false;
    }
    boolean more = !now.isWithin(before);
    if (more) {
      LOG.error(
          "{}: bad blocks at bytes {}; layouts over them are recalled. See selkie badblocks",
          list.file(),
          now);
    } else if (!now.equals(before)) {
      LOG.info("{}: bad blocks now at bytes {}", list.file(), now);
    }
    return more;
  }

  /** Reads all lists and recalls what was granted over what is in them. */
  public void refresh() {
    refreshedAtNanos.set(clock.nanoTime());
    sources.forEach(this::read);
    recallLater();
  }

  /** Comes by with the audits; mostly does nothing. */
  public void audited() {
    long last = refreshedAtNanos.get();
    if (clock.nanoTime() - last > REFRESH_NANOS
        && refreshedAtNanos.compareAndSet(last, clock.nanoTime())) {
      refresh();
    }
  }

  private void recallLater() {
    if (recallWaits.compareAndSet(false, true)) {
      later.execute(this::recallAll);
    }
  }

  private void recallAll() {
    // What changes from here on is for the next one.
    recallWaits.set(false);
    for (FileIdentity file : affected()) {
      metrics.counter(Metric.MEDIA_RECALLS).inc();
      var _ =
          arbiter.recall(
              new RecallFilter(OptionalLong.empty(), Optional.of(file), OptionalLong.empty()),
              RecallCause.MEDIA_ERROR);
    }
  }

  /** Files of which something is granted that lies on bad blocks. */
  private Collection<FileIdentity> affected() {
    return sources.values().stream().allMatch(source -> source.bad.count() == 0)
        ? List.of()
        : leases.granted(
            target -> badOf(target).count() > 0,
            (target, map) -> firstBad(map, badOf(target)).isPresent());
  }

  private BadRanges badOf(SealTarget target) {
    Source source = sources.get(keyOf(target));
    return source == null ? BadRanges.NONE : source.bad;
  }

  private long count() {
    return sources.values().stream().mapToLong(source -> source.bad.count()).sum();
  }

  /**
   * A bad range.
   *
   * @param list where the kernel says so
   * @param offset bytes from the beginning of the device
   */
  public record BadRow(String list, long offset, long bytes) {}

  /** All that is known, after reading the lists anew. */
  public List<BadRow> rows() {
    refresh();
    Map<String, BadRanges> byList = new TreeMap<>();
    sources
        .values()
        .forEach(source ->
            source.list.ifPresent(list -> byList.put(list.file().toString(), source.bad)));
    List<BadRow> rows = new ArrayList<>();
    byList.forEach((list, bad) -> {
      for (int i = 0; i < bad.count(); i++) {
        rows.add(new BadRow(list, bad.start(i), bad.end(i) - bad.start(i)));
      }
    });
    return rows;
  }
}
