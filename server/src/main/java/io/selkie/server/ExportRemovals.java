package io.selkie.server;

import io.selkie.config.time.Timers;
import io.selkie.posix.PosixException;
import io.selkie.server.vfs.Export;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes exports away that are served no more: the door is closed, those inside are waited for, what
 * clients have there is taken from them, and the directory is let go. Each goes by itself, so that
 * one that hangs keeps no other one.
 *
 * <p>Who hangs inside is not waited for without bound: what there is then is taken away, and once
 * more when the last one has come out, because that one may have made more. Safe for use by several
 * threads.
 */
final class ExportRemovals {

  private static final Logger LOG = LoggerFactory.getLogger(ExportRemovals.class);

  /** How often a wait of the steps can be needed: those inside, two recalls, copies, closes. */
  private static final int WAITS = 4;

  /** Takes away what clients have in an export. */
  interface Sweep {
    /** Blocks; called again for what was made after the first time. */
    void sweep(Export export);

    /** Lets go of the directory. */
    void retire(Export export) throws PosixException;
  }

  private final Sweep sweep;
  private final Duration patience;
  private final Timers timers;
  private final Executor threads;
  private final Consumer<Export> gone;
  private final Map<Integer, Export> going = new ConcurrentHashMap<>();

  /**
   * Creates it.
   *
   * @param patience for each thing that is waited for
   * @param threads start each task at once: one may hang as long as a disk does
   * @param gone told of each that is gone for good
   */
  ExportRemovals(
      Sweep sweep, Duration patience, Timers timers, Executor threads, Consumer<Export> gone) {
    this.sweep = sweep;
    this.patience = patience;
    this.timers = timers;
    this.threads = threads;
    this.gone = gone;
  }

  /** One under way. */
  private final class Removal implements Runnable {
    private final Export export;
    private final CompletableFuture<Void> empty;
    private final CompletableFuture<Void> outcome = new CompletableFuture<>();
    private volatile String step = "what had begun in it";

    Removal(Export export) {
      this.export = export;
      this.empty = export.closeDoor();
    }

    @Override
    public void run() {
      try {
        boolean empties = await();
        step = "taking from clients what they have there";
        sweep.sweep(export);
        step = "letting go of its directory";
        retire();
        if (!empties) {
          step = "what had begun in it";
          fail();
          empty.join();
          sweep.sweep(export);
        }
      } catch (RuntimeException | Error e) {
        outcome.completeExceptionally(new ExportBusyException(export, step, e));
        LOG.error("{} was not taken away in good order", export, e);
        throw e;
      }
      going.remove(export.number(), export);
      gone.accept(export);
      if (!outcome.complete(null)) {
        LOG.info("{}: what hung has come back; it is gone for good now", export);
      }
    }

    private boolean await() {
      try {
        empty.get(patience.toNanos(), TimeUnit.NANOSECONDS);
        return true;
      } catch (TimeoutException _) {
        return false;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      } catch (ExecutionException e) {
        throw new CompletionException(e.getCause());
      }
    }

    private void retire() {
      try {
        sweep.retire(export);
      } catch (PosixException e) {
        LOG.error("{} is served no more but its directory is still held", export, e);
      }
    }

    private void fail() {
      ExportBusyException busy = new ExportBusyException(export, step);
      if (outcome.completeExceptionally(busy)) {
        LOG.error(busy.getMessage());
      }
    }
  }

  /**
   * Takes one away that nobody finds any more; its door is closed when this returns.
   *
   * @return completes when it is gone for good; exceptionally with an {@link ExportBusyException}
   *     when it hangs: then it goes when it can; or when it failed by a defect
   */
  CompletableFuture<Void> begin(Export export) {
    Removal removal = new Removal(export);
    going.put(export.number(), export);
    timers.schedule(
        patience.toNanos() * WAITS,
        () -> {
          if (!removal.outcome.isDone()) {
            removal.fail();
          }
        });
    threads.execute(removal);
    return removal.outcome;
  }

  /** Whether one of the same number is still going: another one would be taken for it. */
  boolean isGoing(Export export) {
    return going.containsKey(export.number());
  }
}
