package io.selkie.server.seal;

import io.selkie.config.time.NanoClock;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.posix.PosixException;
import io.selkie.server.seal.SealedFiles.Break;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * A command under seals, from its start to its end.
 *
 * <pre>
 *   RUNNING ──▶ TOLD ──▶ KILLING ──▶ UNSEALED ──▶ OVER
 *      │         │ └─────────┼──────────▲ │        ▲
 *      └─────────┴───────────┴────────────┴────────┘
 * </pre>
 *
 * <p>The seals are given up in UNSEALED, while the command still lives (it may, or it cannot be
 * killed), or in OVER, when nothing of it lives any more: what reaches the blocks is gone before
 * they may move (S1, S3), and before the kernel takes the lease (S4).
 *
 * <p>All of it runs on the caller's thread.
 */
final class SealedRun {

  /** Where the run stands. */
  enum State {
    /** Nobody wants the files. */
    RUNNING,
    /** Somebody does, and the command knows. */
    TOLD,
    /** The hold is over. */
    KILLING,
    /** The seals are gone, the command is not. */
    UNSEALED,
    /** The command has ended. */
    OVER;

    private boolean mayBecome(State next) {
      return switch (this) {
        case RUNNING -> next == TOLD || next == OVER;
        case TOLD -> next == KILLING || next == UNSEALED || next == OVER;
        case KILLING -> next == UNSEALED || next == OVER;
        case UNSEALED -> next == OVER;
        case OVER -> false;
      };
    }
  }

  private final CommandProcess process;
  private final SealedFiles sealed;
  private final OnBreak onBreak;
  private final boolean leave;
  private final int holdMillis;
  private final NanoClock clock;
  private final Consumer<String> say;
  private State state = State.RUNNING;
  private boolean killed;

  /**
   * A run of a command that was just started.
   *
   * @param leave whether it may live on when the hold is over
   * @param say tells people, one line each
   */
  SealedRun(
      CommandProcess process,
      SealedFiles sealed,
      OnBreak onBreak,
      boolean leave,
      int holdMillis,
      NanoClock clock,
      Consumer<String> say) {
    this.process = process;
    this.sealed = sealed;
    this.onBreak = onBreak;
    this.leave = leave;
    this.holdMillis = holdMillis;
    this.clock = clock;
    this.say = say;
  }

  /** Waits for the end; the exit status. The seals are given up when this returns. */
  int run() throws PosixException {
    CompletableFuture<Integer> ended = process.ended();
    CompletableFuture.anyOf(ended, sealed.broken()).join();
    if (!ended.isDone()) {
      tell(sealed.broken().join());
      long leftNanos = holdLeftNanos(sealed.broken().join());
      if (!endsWithin(CompletableFuture.anyOf(ended, sealed.overdue()), leftNanos)
          || !ended.isDone()) {
        holdIsOver(ended);
      }
    }
    int status = ended.join();
    if (state != State.UNSEALED) {
      endLeftovers();
    }
    boolean broken = state != State.RUNNING;
    become(State.OVER);
    sealed.close();
    if (killed) {
      return SealCommand.KILLED;
    }
    return broken && onBreak instanceof OnBreak.Exit ? SealCommand.BROKEN : status;
  }

  private void tell(Break broken) {
    become(State.TOLD);
    say.accept(
        broken.cause() == BreakCause.AUDIT_DIFFERENCE
            ? "the block map of " + broken.path() + " is not the one that was sealed (S2)"
            : broken.path() + " is wanted by another process; the seal is given up");
    process.signal(onBreak instanceof OnBreak.Signal(int number) ? number : SealCommand.SIGTERM);
  }

  /** Nothing, when the map has changed already. */
  private long holdLeftNanos(Break broken) {
    long holdNanos = TimeUnit.MILLISECONDS.toNanos(holdMillis);
    return broken.cause() == BreakCause.AUDIT_DIFFERENCE
        ? 0
        : broken.seenAtNanos() + holdNanos - clock.nanoTime();
  }

  private void holdIsOver(CompletableFuture<Integer> ended) throws PosixException {
    if (leave) {
      say.accept("the hold is over; COMMAND runs on without a seal");
      become(State.UNSEALED);
      process.leave();
      sealed.close();
      return;
    }
    become(State.KILLING);
    killed = true;
    say.accept(
        sealed.overdue().isDone()
            ? "it was wanted while this process was stopped: COMMAND is killed at once"
            : "COMMAND did not end within " + holdMillis + " ms and is killed");
    long budgetNanos = SealCommand.KILL_BUDGET.toNanos();
    long endNanos = clock.nanoTime() + budgetNanos;
    boolean dead = process.killAll(budgetNanos);
    if (!dead || !endsWithin(ended, endNanos - clock.nanoTime())) {
      say.accept(
          "COMMAND hangs in the kernel and cannot be killed; the seal is given up all the same,"
              + " see what it still does to the storage");
      become(State.UNSEALED);
      process.leave();
      sealed.close();
    }
  }

  private void endLeftovers() throws PosixException {
    if (!process.killAll(SealCommand.KILL_BUDGET.toNanos())) {
      say.accept("what COMMAND left behind hangs in the kernel; the seal is given up all the same");
    }
  }

  private static boolean endsWithin(CompletableFuture<?> ended, long nanos) {
    try {
      ended.get(Math.max(0, nanos), TimeUnit.NANOSECONDS);
      return true;
    } catch (TimeoutException _) {
      return ended.isDone();
    } catch (ExecutionException e) {
      throw new CompletionException(e.getCause());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void become(State next) {
    if (!state.mayBecome(next)) {
      throw new IllegalStateException("sealed run: no way from " + state + " to " + next);
    }
    state = next;
  }
}
