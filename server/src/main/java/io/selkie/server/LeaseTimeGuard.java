package io.selkie.server;

import io.selkie.config.time.NanoClock;
import io.selkie.lease.ByteRange;
import io.selkie.lease.LeaseDeadlineException;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import io.selkie.lease.Sealer;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the deadline rule (S4) true when somebody changes {@code lease-break-time} while the server
 * runs: the number is read again before a file is sealed and with each audit, at most once in
 * {@link #PACE_NANOS}. One that fits is taken over; while it does not, nothing is sealed. Safe for
 * use by several threads.
 */
final class LeaseTimeGuard {

  private static final Logger LOG = LoggerFactory.getLogger(LeaseTimeGuard.class);

  /** How old the number may be. */
  static final long PACE_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** Where the number comes from. */
  @FunctionalInterface
  interface Source {
    /** In seconds. */
    int read() throws IOException;
  }

  /** The rule applied to a number. */
  @FunctionalInterface
  interface Rule {
    /** The deadlines, if they fit. */
    LeaseDeadlines with(int seconds) throws LeaseDeadlineException;
  }

  private final Source source;
  private final Rule rule;
  private final NanoClock clock;
  private volatile Consumer<LeaseDeadlines> changed = _ -> {};
  private final AtomicLong readAtNanos;
  private final AtomicReference<Integer> seconds;
  private volatile String refusal;

  /**
   * Guards.
   *
   * @param secondsNow what {@code rule} was applied to at start
   */
  LeaseTimeGuard(Source source, Rule rule, int secondsNow, NanoClock clock) {
    this.source = source;
    this.rule = rule;
    this.clock = clock;
    this.seconds = new AtomicReference<>(secondsNow);
    this.readAtNanos = new AtomicLong(clock.nanoTime());
  }

  /** To be called once, before the first check: who is told of other deadlines that fit. */
  void onChange(Consumer<LeaseDeadlines> listener) {
    changed = listener;
  }

  /** Reads the number again if it is old; reads a file of procfs, which does not wait for disks. */
  void check() {
    long last = readAtNanos.get();
    long now = clock.nanoTime();
    if (now - last < PACE_NANOS || !readAtNanos.compareAndSet(last, now)) {
      return;
    }
    try {
      int read = source.read();
      if (seconds.getAndSet(read) == read && refusal == null) {
        return;
      }
      LeaseDeadlines deadlines = rule.with(read);
      refusal = null;
      changed.accept(deadlines);
    } catch (LeaseDeadlineException | IOException e) {
      if (refusal == null) {
        LOG.error("no file is sealed from now on, and layouts now out may lose their seal (S4)", e);
      }
      refusal = e.getMessage();
    }
  }

  /** A sealer that refuses while the kernel's time is too short. */
  Sealer guarding(Sealer sealer) {
    return new Sealer() {
      @Override
      public SealOutcome seal(
          SealTarget target,
          Purpose purpose,
          ByteRange range,
          Preparation preparation,
          SealListener listener) {
        check();
        String why = refusal;
        return why == null
            ? sealer.seal(target, purpose, range, preparation, listener)
            : refused(why);
      }

      @Override
      public LeaseOutcome hold(SealTarget target, SealListener listener) {
        check();
        String why = refusal;
        return why == null
            ? sealer.hold(target, listener)
            : new LeaseOutcome.Refused(new Sealer.Refusal(Sealer.Refusal.Reason.UNSUPPORTED, why));
      }

      @Override
      public SealOutcome extend(
          Seal seal, Purpose purpose, ByteRange range, Preparation preparation) {
        check();
        String why = refusal;
        return why == null ? sealer.extend(seal, purpose, range, preparation) : refused(why);
      }
    };
  }

  private static Sealer.SealOutcome refused(String why) {
    return new Sealer.SealOutcome.Refused(
        new Sealer.Refusal(Sealer.Refusal.Reason.UNSUPPORTED, why));
  }
}
