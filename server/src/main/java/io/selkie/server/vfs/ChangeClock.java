package io.selkie.server.vfs;

import io.selkie.config.time.NanoClock;
import io.selkie.posix.FileStatus;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the change attribute (RFC 8881 section 5.8.1.4) of a file's {@code ctime}: it differs after
 * every change, whoever made it, and never goes back. It takes what {@code statx} told and two
 * clocks, no system call and no memory per file; why it is made so is said in DECISIONS.md.
 *
 * <p><b>The clock is set back.</b> The value is {@code ctime} plus an offset. The time of day is
 * compared with the monotonic clock at each use. When it was set back, the offset grows by as much
 * and is kept on disk before it is used: all values then move on once, which costs clients a look
 * at their caches. A {@code ctime} that still lies in the future stands for the moment at which the
 * offset began to hold, which is above all values given out before and below all that come.
 *
 * <p><b>Coarse time stamps.</b> Where the kernel stamps changes with the last timer tick only, two
 * changes may have one {@code ctime}. As long as that can happen the value moves with the time of
 * day: who has looked in between looks again.
 *
 * <pre>
 *   value(now) = offset + ctime + min(now - ctime, grain)      grain 0 where stamps are fine
 *   value(now) = offset + begin of the offset                  where ctime is after now
 * </pre>
 *
 * <p>Safe for use by several threads.
 */
public final class ChangeClock implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ChangeClock.class);
  private static final long SECOND = 1_000_000_000L;

  /** More than the two clocks can be read apart. */
  private static final long SLACK_NANOS = 1_000_000;

  /** Read again when a thread was stopped between its looks at the clocks. */
  private static final long READ_TOGETHER_NANOS = 20_000;

  /** How old what is kept on disk of the time of day may be. */
  static final long MARK_NANOS = 60 * SECOND;

  /**
   * What is kept on disk.
   *
   * @param offset added to each {@code ctime}, nanoseconds
   * @param begin time of day at which it began to hold, nanoseconds since the epoch
   * @param wall time of day when this was written
   * @param monotonic the monotonic clock at that moment, or a little after
   * @param boot which boot of the machine that clock counts from
   * @param clean whether no value was given out afterwards
   */
  record Mark(long offset, long begin, long wall, long monotonic, String boot, boolean clean) {}

  /**
   * What time is told by.
   *
   * @param wall the time of day
   * @param monotonic counts from the machine's boot
   * @param boot which boot that is; empty when nobody knows
   */
  public record Clocks(InstantSource wall, NanoClock monotonic, String boot) {}

  /** Where marks are kept. */
  interface Keeper {
    /** What was kept last; empty when there is nothing, or nothing that can be read. */
    Optional<Mark> load();

    /**
     * Keeps a mark.
     *
     * @param durable whether it has to be on disk when this returns
     */
    void store(Mark mark, boolean durable);
  }

  /** Keeps nothing: values are good for one life of the server. */
  static final Keeper FORGETFUL =
      new Keeper() {
        @Override
        public Optional<Mark> load() {
          return Optional.empty();
        }

        @Override
        public void store(Mark mark, boolean durable) {}
      };

  private record Epoch(long offset, long begin) {}

  private final InstantSource wallClock;
  private final NanoClock monotonicClock;
  private final String boot;
  private final Keeper keeper;

  /** What the time of day is ahead of the monotonic clock, at the least; the highest ever seen. */
  private final AtomicLong ahead;

  private final AtomicLong markedAt;
  private volatile Epoch epoch;

  /** Pairs of a device and its grain; seldom any. */
  private volatile long[] coarse = {};

  /** Goes on where the last one ended. */
  ChangeClock(Clocks clocks, Keeper keeper) {
    this.wallClock = clocks.wall;
    this.monotonicClock = clocks.monotonic;
    this.boot = clocks.boot;
    this.keeper = keeper;
    long before = monotonicClock.nanoTime();
    long wall = wall();
    long after = monotonicClock.nanoTime();
    this.ahead = new AtomicLong(wall - after);
    this.markedAt = new AtomicLong(wall);
    this.epoch =
        keeper.load().map(mark -> goOn(mark, before, wall, after)).orElse(new Epoch(0, wall));
    keep(wall, after, false, true);
  }

  private Epoch goOn(Mark mark, long before, long wall, long after) {
    long back;
    if (!boot.isEmpty() && mark.boot.equals(boot) && mark.monotonic <= after) {
      long was = mark.wall - mark.monotonic;
      // Only what cannot come of reading the two clocks one after the other.
      back = wall - before < was ? was - (wall - after) : 0;
    } else {
      back = mark.wall + (mark.clean ? 0 : 2 * MARK_NANOS) - wall;
    }
    return back <= 0 ? new Epoch(mark.offset, mark.begin) : setBack(mark.offset, back, wall);
  }

  private static Epoch setBack(long offset, long back, long wall) {
    LOG.warn(
        "the time of day was set back by {} s, or may have been: all change attributes move on, so"
            + " clients look at their caches anew",
        Duration.ofNanos(back).toMillis() / 1000.0);
    return new Epoch(offset + back + SLACK_NANOS, wall);
  }

  /**
   * Says that a file system's time stamps are coarse.
   *
   * @param device {@link FileStatus#device}
   * @param grainNanos the longest time for which two changes may have the same stamp; 0 when none
   */
  synchronized void grain(long device, long grainNanos) {
    long[] known = coarse;
    for (int i = 0; i < known.length; i += 2) {
      if (known[i] == device) {
        return;
      }
    }
    if (grainNanos > 0) {
      long[] more = Arrays.copyOf(known, known.length + 2);
      more[known.length] = device;
      more[known.length + 1] = grainNanos;
      coarse = more;
    }
  }

  /**
   * The change attribute of a file.
   *
   * @param status just read from the kernel
   * @return greater than what was answered before its latest change, also by earlier servers with
   *     the same state directory
   */
  @SuppressWarnings("ReferenceEquality") // Whether it is still the very one that was read before.
  public long of(FileStatus status) {
    long ctime = status.ctimeSec() * SECOND + status.ctimeNsec();
    while (true) {
      Epoch current = epoch;
      long before = monotonicClock.nanoTime();
      long now = wall();
      long after = monotonicClock.nanoTime();
      if (after - before > READ_TOGETHER_NANOS) {
        long again = wall();
        long end = monotonicClock.nanoTime();
        if (end - after < after - before) {
          before = after;
          now = again;
          after = end;
        }
      }
      if (now - before < ahead.get()) {
        checkSetBack();
      } else if (current == epoch) {
        if (now - after > ahead.get()) {
          ahead.accumulateAndGet(now - after, Math::max);
        }
        if (now - markedAt.get() > MARK_NANOS) {
          mark(now, after);
        }
        return ctime > now
            ? current.offset + current.begin
            : current.offset + ctime + Math.min(now - ctime, grainOf(status));
      }
    }
  }

  private long wall() {
    Instant now = wallClock.instant();
    return now.getEpochSecond() * SECOND + now.getNano();
  }

  private long grainOf(FileStatus status) {
    long[] known = coarse;
    if (known.length > 0) {
      long device = status.device();
      for (int i = 0; i < known.length; i += 2) {
        if (known[i] == device) {
          return known[i + 1];
        }
      }
    }
    return 0;
  }

  /** Moves all values on if the time of day was set back, and not else. */
  private synchronized void checkSetBack() {
    long before = monotonicClock.nanoTime();
    long now = wall();
    long after = monotonicClock.nanoTime();
    if (now - before < ahead.get()) {
      // At the most: this thread may have been stopped between its looks.
      long back = ahead.get() - (now - after);
      Epoch next = setBack(epoch.offset, back, now);
      keeper.store(new Mark(next.offset, next.begin, now, after, boot, false), true);
      // Those who read the clock before see the epoch change, those who do after see the new one.
      epoch = next;
      ahead.set(now - after);
      markedAt.set(now);
    }
  }

  private void mark(long now, long monotonic) {
    long last = markedAt.get();
    if (now - last > MARK_NANOS && markedAt.compareAndSet(last, now)) {
      keep(now, monotonic, false, false);
    }
  }

  private synchronized void keep(long wall, long monotonic, boolean clean, boolean durable) {
    keeper.store(new Mark(epoch.offset, epoch.begin, wall, monotonic, boot, clean), durable);
  }

  /** Keeps the last moment at which a value was given out; none may be asked for afterwards. */
  @Override
  public void close() {
    checkSetBack();
    long wall = wall();
    keep(wall, monotonicClock.nanoTime(), true, true);
  }
}
