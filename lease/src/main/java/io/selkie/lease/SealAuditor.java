package io.selkie.lease;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.config.time.Timers.Timer;
import io.selkie.lease.BlockMapReader.MapRead;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiPredicate;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the block maps of all held seals again and again and compares them with what was granted
 * (S2). A difference makes the seal BREAKING and goes to its listener, once.
 *
 * <p>Works in bounded pieces: a timer starts a piece on the executor, because FIEMAP blocks, and
 * the piece starts the next timer when it is done. Seals take their turn in the order they were
 * made.
 *
 * <p>Safe for use by several threads.
 */
public final class SealAuditor implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(SealAuditor.class);

  private static final long PAUSE_NANOS_MIN = 1_000_000;

  private final Kernel kernel;
  private final BlockMapReader reader;
  private final NanoClock clock;
  private final Timers timers;
  private final Executor executor;
  private final LeaseSettings settings;
  private final LeaseEvents events;
  private final ConcurrentSkipListMap<Long, KernelSeal> seals = new ConcurrentSkipListMap<>();
  private final LongAdder audits = new LongAdder();
  private final LongAdder mapsCompared = new LongAdder();
  private final LongAdder extentsRead = new LongAdder();
  private final LongAdder differences = new LongAdder();
  private final LongAdder unreadable = new LongAdder();
  private final LongAdder passes = new LongAdder();
  private final Object lock = new Object();
  private volatile long intervalNanos;
  // Guarded by lock.
  private Timer timer;
  private boolean running;
  // Owned by the piece of work that runs.
  private long lastAudited;

  /**
   * What was done since the start.
   *
   * @param audits seals audited, those on demand included
   * @param mapsCompared granted block maps compared
   * @param extentsRead extents read for that
   * @param differences seals found different
   * @param unreadable audits in which a map could not be read
   * @param passes times all seals had their turn
   */
  public record Counts(
      long audits,
      long mapsCompared,
      long extentsRead,
      long differences,
      long unreadable,
      long passes) {}

  SealAuditor(
      Kernel kernel,
      BlockMapReader reader,
      NanoClock clock,
      Timers timers,
      Executor executor,
      LeaseSettings settings,
      LeaseEvents events) {
    this.kernel = kernel;
    this.reader = reader;
    this.clock = clock;
    this.timers = timers;
    this.executor = executor;
    this.settings = settings;
    this.intervalNanos = settings.auditIntervalNanos();
    this.events = events;
  }

  /** Begins to work. */
  public void start() {
    synchronized (lock) {
      if (!running) {
        running = true;
        timer = timers.schedule(pauseNanos(), this::handOver);
      }
    }
  }

  /** Changes how often each seal is audited, from the next piece of work on. */
  public void interval(long nanos) {
    if (nanos < 1) {
      throw new IllegalArgumentException("interval of " + nanos + " ns");
    }
    intervalNanos = nanos;
  }

  /** Begins no further piece of work. */
  @Override
  public void close() {
    synchronized (lock) {
      running = false;
      if (timer != null) {
        timer.cancel();
      }
    }
  }

  /** What was done so far. */
  public Counts counts() {
    return new Counts(
        audits.sum(),
        mapsCompared.sum(),
        extentsRead.sum(),
        differences.sum(),
        unreadable.sum(),
        passes.sum());
  }

  /** Seals that are watched. */
  public int watched() {
    return seals.size();
  }

  /**
   * Audits one seal now, on this thread.
   *
   * @param seal one of the sealer this auditor belongs to
   */
  public AuditOutcome auditNow(Seal seal) {
    if (seal instanceof KernelSeal held) {
      return audit(held);
    }
    throw new IllegalArgumentException("a seal of another sealer: " + seal);
  }

  /** Files with a live handle whose map is such. */
  Set<FileIdentity> granted(Predicate<SealTarget> among, BiPredicate<SealTarget, BlockMap> such) {
    Set<FileIdentity> found = new HashSet<>();
    for (KernelSeal seal : seals.values()) {
      if (among.test(seal.target()) && seal.enter()) {
        try {
          if (seal.grants().stream().anyMatch(map -> isSuch(seal, map, such))) {
            found.add(seal.target().identity());
          }
        } finally {
          seal.exit();
        }
      }
    }
    return found;
  }

  /** Behind a page cache blocks move, and what waited for one when it was granted has one now. */
  private boolean isSuch(
      KernelSeal seal, BlockMap granted, BiPredicate<SealTarget, BlockMap> such) {
    SealTarget target = seal.target();
    return seal.exact()
        ? such.test(target, granted)
        : reader
            .firstOf(
                target.fd(), granted, now -> Optional.of(now).filter(map -> such.test(target, map)))
            .isPresent();
  }

  void watch(KernelSeal seal) {
    seals.put(seal.number(), seal);
    // It may have been released in between.
    if (seal.state().isEnd()) {
      forget(seal);
    }
  }

  void forget(KernelSeal seal) {
    seals.remove(seal.number());
  }

  /** Spreads the pieces of one pass evenly over the interval. */
  private long pauseNanos() {
    int pieces = Math.max(1, Math.ceilDiv(seals.size(), settings.auditSealsPerTick()));
    return Math.max(PAUSE_NANOS_MIN, intervalNanos / pieces);
  }

  private void handOver() {
    try {
      executor.execute(this::work);
    } catch (RejectedExecutionException e) {
      LOG.warn("no thread for the auditor; it tries again: {}", e.toString());
      scheduleNext();
    }
  }

  private void scheduleNext() {
    synchronized (lock) {
      if (running) {
        timer = timers.schedule(pauseNanos(), this::handOver);
      }
    }
  }

  /** One piece of work. */
  private void work() {
    try {
      long extents = 0;
      for (int i = 0; i < settings.auditSealsPerTick(); i++) {
        Map.Entry<Long, KernelSeal> next = seals.higherEntry(lastAudited);
        if (next == null) {
          lastAudited = 0;
          passes.increment();
          return;
        }
        lastAudited = next.getKey();
        if (audit(next.getValue()) instanceof AuditOutcome.Clean clean) {
          extents += clean.extents();
        }
        if (extents >= settings.auditExtentsPerTick()) {
          return;
        }
      }
    } catch (RuntimeException e) {
      LOG.error("a piece of the auditor's work failed; it goes on with the next seal", e);
    } finally {
      scheduleNext();
    }
  }

  private AuditOutcome audit(KernelSeal seal) {
    if (!seal.enter()) {
      return new AuditOutcome.NotHeld(seal.state());
    }
    AuditOutcome outcome;
    try {
      outcome = compare(seal);
    } finally {
      seal.exit();
    }
    return conclude(seal, outcome);
  }

  /**
   * Compares only what a map just read says about what is granted already; for an extension, whose
   * own work must not have changed it.
   */
  AuditOutcome auditOverlap(KernelSeal seal, BlockMap now) {
    int maps = 0;
    for (BlockMap granted : seal.grants()) {
      if (granted.range().overlaps(now.range())) {
        BlockMap overlap = granted.clip(now.range());
        Optional<MapDifference> difference =
            seal.exact()
                // Its part of it: thousands of maps must not each be looked for from the start.
                ? MapDifference.exact(overlap, now.clip(overlap.range()))
                : MapDifference.pageCache(overlap, now, now.range().end());
        if (difference.isPresent() && seal.isGranted(granted)) {
          return conclude(seal, new AuditOutcome.Different(difference.get()));
        }
        maps++;
      }
    }
    return new AuditOutcome.Clean(maps, now.extents().size());
  }

  private AuditOutcome compare(KernelSeal seal) {
    SealTarget target = seal.target();
    List<BlockMap> grants = seal.grants();
    var status = new FileStatus();
    BlockMap now = null;
    int extents = 0;
    for (BlockMap granted : grants) {
      // Clients that hold the same range are the common case: read it once.
      if (now == null || !now.range().equals(granted.range())) {
        long device = target.identity().device();
        MapRead read =
            seal.exact()
                ? reader.read(target.fd(), device, granted.range())
                : reader.readCoarsely(target.fd(), device, granted.range());
        int result = FileProbes.status(kernel, target.fd(), status);
        if (result < 0) {
          return new AuditOutcome.Unreadable("statx: " + Errno.describe(result));
        }
        if (!(read instanceof MapRead.Found(BlockMap map))) {
          return new AuditOutcome.Unreadable(Refusals.map(target, read).refusal().message());
        }
        now = map;
        extents += map.extents().size();
      }
      Optional<MapDifference> difference =
          seal.exact()
              ? MapDifference.exact(granted, now)
              : MapDifference.pageCache(granted, now, status.size());
      // What was taken back meanwhile may have changed rightly.
      if (difference.isPresent() && seal.isGranted(granted)) {
        return new AuditOutcome.Different(difference.get());
      }
    }
    return new AuditOutcome.Clean(grants.size(), extents);
  }

  /** Counts, tells, and takes the seal back when it is different. */
  private AuditOutcome conclude(KernelSeal seal, AuditOutcome found) {
    AuditOutcome outcome = found;
    audits.increment();
    if (outcome instanceof AuditOutcome.Unreadable(String reason)) {
      unreadable.increment();
      int failures = seal.countAuditFailure(true);
      if (failures >= settings.auditFailuresMax()) {
        // A map that nobody can read any more vouches for nothing.
        BlockMap some = seal.grants().stream().findFirst().orElse(null);
        if (some != null) {
          outcome =
              new AuditOutcome.Different(
                  new MapDifference(some.range(), "unreadable " + failures + " times: " + reason));
        }
      }
    } else {
      seal.countAuditFailure(false);
    }
    long atNanos = clock.nanoTime();
    switch (outcome) {
      case AuditOutcome.Clean(int maps, int extents) -> {
        mapsCompared.add(maps);
        extentsRead.add(extents);
      }
      case AuditOutcome.Different _ -> differences.increment();
      case AuditOutcome.Unreadable _, AuditOutcome.NotHeld _ -> {}
    }
    events.onAudit(seal.target(), outcome, atNanos);
    if (outcome instanceof AuditOutcome.Different) {
      seal.onDifference(atNanos);
    }
    return outcome;
  }
}
