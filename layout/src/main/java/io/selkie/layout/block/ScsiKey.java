package io.selkie.layout.block;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.lease.ScsiException;
import io.selkie.lease.ScsiUnit;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The key by which one client reaches one disk, and its fence: PREEMPT AND ABORT, after which the
 * keys are read and must not have it (S3). Safe for use by several threads.
 *
 * <p>A client that was told its key, or that it has a layout, a moment ago may just be registering.
 * Nothing can be taken from it yet, so it is looked for until that command must be over. Where the
 * disk does not answer it is asked again until the client must have stopped by itself.
 */
final class ScsiKey {

  private static final Logger LOG = LoggerFactory.getLogger(ScsiKey.class);
  private static final long AGAIN_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  /**
   * How it is done.
   *
   * @param blocking runs what waits for a disk; each has threads of its own, so that one that hangs
   *     keeps up no fence at another
   * @param ioNanos after so long a client's command to a disk is over
   * @param expiryNanos after so long a client that is not heard has stopped by itself
   * @param trouble hears of what a disk did not do
   */
  record Means(
      NanoClock clock,
      Timers timers,
      Function<ScsiUnit, Executor> blocking,
      long ioNanos,
      long expiryNanos,
      FenceTrouble trouble) {}

  private final ScsiUnit unit;
  private final long number;
  private final long clientId;
  private final Means means;
  private final CompletableFuture<Void> dead = new CompletableFuture<>();
  private ScsiKeyState state = ScsiKeyState.SECRET;
  private long toldAtNanos;
  private long fencedAtNanos;
  private volatile boolean shutOut;

  /** Whether the disk was told, and when it answered, or was given up; guarded by the monitor. */
  private boolean asked;

  private long askedAtNanos;

  ScsiKey(ScsiUnit unit, long number, long clientId, Means means) {
    this.unit = unit;
    this.number = number;
    this.clientId = clientId;
    this.means = means;
  }

  ScsiUnit unit() {
    return unit;
  }

  long number() {
    return number;
  }

  long clientId() {
    return clientId;
  }

  synchronized ScsiKeyState state() {
    return state;
  }

  /** The client is going to be told; false when it must not be any more. */
  synchronized boolean tell() {
    if (state == ScsiKeyState.SECRET) {
      become(ScsiKeyState.TOLD);
    }
    return grant();
  }

  /** Something is going to be granted to who has it; false when it must not be any more. */
  synchronized boolean grant() {
    if (!isGood()) {
      // Who asks on must not put off the fence that waits for what it was told before.
      return false;
    }
    toldAtNanos = means.clock().nanoTime();
    return true;
  }

  /** Whether something may be granted to who has it. */
  synchronized boolean isGood() {
    return state == ScsiKeyState.SECRET || state == ScsiKeyState.TOLD;
  }

  /** Complete when the disk refuses it. Every call answers the same stage. */
  CompletionStage<Void> fence() {
    boolean begin = false;
    synchronized (this) {
      if (state == ScsiKeyState.SECRET) {
        become(ScsiKeyState.DEAD);
      } else if (state == ScsiKeyState.TOLD) {
        become(ScsiKeyState.FENCING);
        fencedAtNanos = means.clock().nanoTime();
        begin = true;
      }
    }
    if (begin) {
      attemptElsewhere();
    } else if (state() == ScsiKeyState.DEAD) {
      dead.complete(null);
    }
    return dead.minimalCompletionStage();
  }

  private void attemptElsewhere() {
    means.blocking().apply(unit).execute(this::attempt);
  }

  /** What an attempt came to. */
  private enum Outcome {
    REFUSED_BY_THE_DISK,
    NOT_REGISTERED,
    FAILED
  }

  private void attempt() {
    Outcome outcome = preempt();
    if (outcome == Outcome.FAILED) {
      means.trouble().attemptFailed();
    }
    long rest = 0;
    synchronized (this) {
      long now = means.clock().nanoTime();
      if (outcome == Outcome.REFUSED_BY_THE_DISK) {
        shutOut = true;
        rest = unit.aborts() ? 0 : means.ioNanos();
      } else if (shutOut) {
        // What was under way when it was shut out has been waited for.
        rest = 0;
      } else if (outcome == Outcome.NOT_REGISTERED) {
        rest = toldAtNanos + means.ioNanos() - now;
        if (asked) {
          // The disk did it and nobody heard that it ended what was under way.
          rest = Math.max(rest, askedAtNanos + means.ioNanos() - now);
        }
      } else if (outcome == Outcome.FAILED) {
        rest = fencedAtNanos + means.expiryNanos() - now;
      }
      if (rest > 0 && state == ScsiKeyState.FENCING) {
        become(ScsiKeyState.AWAITING_EXPIRY);
        LOG.warn(
            "{}: {} {}: asked again for {} ms",
            unit.describe(),
            this,
            switch (outcome) {
              case REFUSED_BY_THE_DISK -> "is shut out, and may have writes under way";
              case NOT_REGISTERED -> "may be about to register";
              case FAILED -> "could not be fenced";
            },
            rest / 1_000_000);
      }
    }
    if (rest > 0) {
      means.timers().schedule(shutOut ? rest : Math.min(rest, AGAIN_NANOS), this::attemptElsewhere);
      return;
    }
    switch (outcome) {
      case REFUSED_BY_THE_DISK -> LOG.info("{}: {} is fenced", unit.describe(), this);
      case NOT_REGISTERED -> LOG.info("{}: {} is not registered", unit.describe(), this);
      case FAILED -> {
        LOG.error("S3: {}: {} was not fenced; trusted to have stopped", unit.describe(), this);
        means.trouble().gaveUp();
      }
    }
    end();
  }

  private Outcome preempt() {
    try {
      if (!unit.keys().contains(number)) {
        return Outcome.NOT_REGISTERED;
      }
      try {
        unit.preempt(number);
      } catch (ScsiException e) {
        if (!e.isConflict()) {
          throw e;
        }
        // It unregistered in between; the keys say so, or they do not.
      } finally {
        wasAsked();
      }
      if (unit.keys().contains(number)) {
        LOG.error("{}: {} is still registered after PREEMPT AND ABORT", unit.describe(), this);
        return Outcome.FAILED;
      }
      return Outcome.REFUSED_BY_THE_DISK;
    } catch (ScsiException e) {
      LOG.error("{}: {}", this, e.getMessage());
      return Outcome.FAILED;
    } catch (RuntimeException e) {
      // Whatever it is: who waits for the fence must hear of its end.
      LOG.error("{}: {} could not be fenced", unit.describe(), this, e);
      return Outcome.FAILED;
    }
  }

  private synchronized void wasAsked() {
    asked = true;
    askedAtNanos = means.clock().nanoTime();
  }

  private void end() {
    synchronized (this) {
      become(ScsiKeyState.DEAD);
    }
    dead.complete(null);
  }

  /** The one transition method; guarded by the monitor. */
  private void become(ScsiKeyState next) {
    if (!state.mayBecome(next)) {
      throw new IllegalStateException(this + ": " + state + " -> " + next);
    }
    state = next;
  }

  @Override
  public String toString() {
    return "key %x of client %x".formatted(number, clientId);
  }
}
