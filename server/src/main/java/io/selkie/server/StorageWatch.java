package io.selkie.server;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.mapping;
import static java.util.stream.Collectors.toList;

import io.selkie.config.LayoutConfig;
import io.selkie.config.time.Timers;
import io.selkie.config.time.Timers.Timer;
import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.RecallCause;
import io.selkie.layout.RecallFilter;
import io.selkie.server.vfs.Export;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes layouts back while a file system cannot be trusted with them: frozen, mounted anew
 * read-only, shut down, or with its device gone. The kernel has no event for any of these that
 * works for every file system, so each is asked now and then, through each mount of it, by {@link
 * StorageHealth}'s question, on a thread of its own, because the answer may take as long as the
 * file system is frozen.
 *
 * <p>Where it is silent or read-only, layouts and delegations are recalled, which has a deadline;
 * where it is broken they are fenced at once, because what a client reaches by its layout may not
 * be the storage any more. No layout is given out until it is sound again. Through NFS the files
 * can be reached as well as the file system allows.
 *
 * <p>Safe for use by several threads. Decisions are made on the thread of the timers and under the
 * lock; the arbiter is called outside of it, on the executor.
 */
final class StorageWatch implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(StorageWatch.class);

  /**
   * How often, and how long an answer may take; after that it is none. A disk that is merely busy
   * may need long: for a place in the journal of its file system.
   */
  record Pace(Duration interval, Duration patience) {
    /** Of a configuration. */
    static Pace of(LayoutConfig config) {
      return new Pace(Duration.ofSeconds(3), Duration.ofMillis(config.storagePatienceMillis()));
    }
  }

  private final Supplier<List<Export>> exports;
  private final LayoutArbiter arbiter;
  private final Timers timers;
  private final Executor threads;
  private final Pace pace;
  private final Path blockDevices;
  private final Object lock = new Object();
  // Guarded by the lock.
  private final Map<Place, Watched> watched = new HashMap<>();

  /** What each export was told last; SOUND when it is not in here. */
  private final Map<Export, StorageState> followed = new HashMap<>();

  private boolean closed;
  private long questions;
  private Timer next;

  /**
   * What is asked: a mount of a file system, because one may be read-only and another one not.
   *
   * @param alone tells exports apart where the kernel does not say what mount they are on
   */
  private record Place(long device, OptionalInt mount, long alone) {
    static Place of(Export export) {
      OptionalInt mount = export.mount();
      return new Place(export.device(), mount, mount.isPresent() ? 0 : export.fsidMajor());
    }
  }

  /** What an export is told. */
  private record Change(Export export, StorageState state) {}

  /** What is told to several at once. */
  private record Trouble(long device, StorageState state) {}

  /** One mount; guarded by the lock. */
  private static final class Watched {
    private final StorageHealth health = new StorageHealth();
    private final boolean hadDevice;

    /** Number of the question under way; 0 when there is none. */
    private long question;

    Watched(boolean hadDevice) {
      this.hadDevice = hadDevice;
    }
  }

  /**
   * Creates it; {@link #start} begins.
   *
   * @param exports those that are served now
   * @param threads starts each task at once: one may hang as long as a file system is frozen, one
   *     for each
   * @param blockDevices where the kernel tells of block devices, {@code /sys/dev/block}
   */
  StorageWatch(
      Supplier<List<Export>> exports,
      LayoutArbiter arbiter,
      Timers timers,
      Executor threads,
      Pace pace,
      Path blockDevices) {
    this.exports = exports;
    this.arbiter = arbiter;
    this.timers = timers;
    this.threads = threads;
    this.pace = pace;
    this.blockDevices = blockDevices;
  }

  /** Begins to ask. */
  void start() {
    askAll();
  }

  private void askAll() {
    List<Export> now = exports.get();
    Map<Place, Export> places = new HashMap<>();
    // Any of those that share a mount will do.
    now.forEach(export -> places.putIfAbsent(Place.of(export), export));
    synchronized (lock) {
      if (closed) {
        return;
      }
      watched.keySet().retainAll(places.keySet());
      followed.keySet().retainAll(new HashSet<>(now));
      places.forEach(this::askOne);
      next = timers.schedule(pace.interval.toNanos(), this::askAll);
      // What has come to a file system in trouble has its share of it.
      actLater(settle(now));
    }
  }

  private void askOne(Place place, Export export) {
    Watched mount = watched.computeIfAbsent(place, key -> new Watched(hasDevice(key.device)));
    if (mount.question != 0) {
      return;
    }
    long question = ++questions;
    try {
      threads.execute(() -> ask(place, mount, export));
      mount.question = question;
      timers.schedule(pace.patience.toNanos(), () -> expire(mount, question));
    } catch (RejectedExecutionException | OutOfMemoryError e) {
      LOG.warn("no thread to look after {}; tried again: {}", export.path(), e.toString());
    }
  }

  private void ask(Place place, Watched mount, Export export) {
    int result = export.probeChange();
    List<Export> now = exports.get();
    List<Change> changes;
    synchronized (lock) {
      mount.question = 0;
      if (closed) {
        return;
      }
      mount.health.answered(result, !mount.hadDevice || hasDevice(place.device));
      changes = settle(now);
    }
    act(changes);
  }

  /** Runs once for each question, long after most have been answered. */
  private void expire(Watched mount, long question) {
    List<Export> now = exports.get();
    synchronized (lock) {
      if (closed || mount.question != question) {
        return;
      }
      mount.health.silent();
      actLater(settle(now));
    }
  }

  /**
   * Has exports withhold layouts or not, as things are by now, so that of two threads the later one
   * has the last word; under the lock. What is silent or broken through one mount is so through
   * all; read-only may be one of them alone.
   *
   * @return what is another state than before
   */
  private List<Change> settle(List<Export> now) {
    Map<Long, StorageState> whole = new HashMap<>();
    watched.forEach((place, mount) -> {
      StorageState state = mount.health.state();
      if (state == StorageState.BROKEN) {
        whole.put(place.device, state);
      } else if (state == StorageState.SILENT) {
        whole.putIfAbsent(place.device, state);
      }
    });
    List<Change> changes = new ArrayList<>();
    for (Export export : now) {
      Watched mount = watched.get(Place.of(export));
      StorageState own = mount == null ? StorageState.SOUND : mount.health.state();
      StorageState state = whole.getOrDefault(export.device(), own);
      export.withholdLayouts(
          switch (state) {
            case SOUND -> Export.Withheld.NO;
            case SILENT, READ_ONLY -> Export.Withheld.FOR_NOW;
            case BROKEN -> Export.Withheld.FOR_GOOD;
          });
      StorageState before = followed.put(export, state);
      if (state != (before == null ? StorageState.SOUND : before)) {
        changes.add(new Change(export, state));
      }
    }
    return changes;
  }

  /** Under the lock. */
  private void actLater(List<Change> changes) {
    if (changes.isEmpty()) {
      return;
    }
    try {
      threads.execute(() -> act(changes));
    } catch (RejectedExecutionException | OutOfMemoryError e) {
      LOG.warn("no thread to recall layouts; tried again: {}", e.toString());
      changes.forEach(change -> followed.remove(change.export));
    }
  }

  private void act(List<Change> changes) {
    changes.stream()
        .collect(
            groupingBy(
                change -> new Trouble(change.export.device(), change.state),
                mapping(Change::export, toList())))
        .forEach(this::act);
  }

  private void act(Trouble trouble, List<Export> there) {
    StorageState now = trouble.state;
    if (now.isSound()) {
      LOG.warn("the file system of {} is sound again; layouts are given out", names(there));
      return;
    }
    LOG.error("the file system of {} {}", names(there), consequence(now));
    // A grant that is under way looks at what is withheld once more when it is done.
    var filter =
        new RecallFilter(OptionalLong.empty(), Optional.empty(), OptionalLong.of(trouble.device));
    var taken =
        now == StorageState.BROKEN
            ? arbiter.fence(filter, RecallCause.STORAGE)
            : arbiter.recall(filter, RecallCause.STORAGE);
    taken.whenComplete((_, failure) -> {
      if (failure != null) {
        LOG.error("layouts of {} are not all back", names(there), failure);
      }
    });
  }

  private static String consequence(StorageState state) {
    return switch (state) {
      case SILENT ->
          "does not answer: it is frozen, or its disk hangs; layouts are recalled and none given"
              + " out until it answers";
      case READ_ONLY ->
          "has become read-only; layouts are recalled and none given out until it can be written."
              + " If nobody mounted it so, see the kernel's log";
      case BROKEN ->
          "has shut down or lost its device; layouts are taken away at once. See the kernel's log,"
              + " unmount it, repair it and mount it again";
      case SOUND -> throw new IllegalArgumentException("SOUND has no consequence");
    };
  }

  private static String names(List<Export> exports) {
    return String.join(", ", exports.stream().map(Export::path).toList());
  }

  /** Whether the kernel has a block device of that number; file systems without one have none. */
  private boolean hasDevice(long device) {
    return Files.exists(blockDevices.resolve((device >>> 32) + ":" + (int) device));
  }

  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
      if (next != null) {
        next.cancel();
      }
    }
  }
}
