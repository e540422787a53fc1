package io.selkie.lease;

import io.selkie.config.time.NanoClock;
import io.selkie.lease.LeaseEvents.SignalAnomaly;
import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.PosixException;
import io.selkie.posix.SignalInfo;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one thread that waits for lease breaks, in {@code sigwaitinfo}. The signal is sent to this
 * thread alone and is blocked in it, so no handler runs and the rest of the process never sees it.
 *
 * <p>When the queue of real-time signals is full the kernel sends a plain SIGIO instead, which
 * names nothing: then every lease is asked.
 */
public final class LeaseSignalThread implements LeaseSignals, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(LeaseSignalThread.class);

  /** The same on x86-64 and 64-bit ARM. */
  private static final int SIGIO = 29;

  private static final int WAIT_FAILURES_MAX = 100;
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(5);

  private final Kernel kernel;
  private final NanoClock clock;
  private final LeaseEvents events;
  private final int signal;
  private final CompletableFuture<Integer> started = new CompletableFuture<>();
  private final CompletableFuture<LeaseKeeper> keeper = new CompletableFuture<>();
  private final Thread thread;
  private int tid;
  private volatile boolean stopping;

  private LeaseSignalThread(Kernel kernel, NanoClock clock, LeaseEvents events) {
    this.kernel = kernel;
    this.clock = clock;
    this.events = events;
    this.signal = kernel.firstRealTimeSignal();
    this.thread = Thread.ofPlatform().name("selkie-lease").daemon(true).unstarted(this::run);
  }

  /**
   * Starts the thread and waits until it is ready.
   *
   * @throws PosixException when the signals cannot be blocked
   */
  public static LeaseSignalThread start(Kernel kernel, NanoClock clock, LeaseEvents events)
      throws PosixException {
    var signals = new LeaseSignalThread(kernel, clock, events);
    signals.thread.start();
    try {
      signals.tid = signals.started.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof PosixException failure) {
        throw failure;
      }
      throw e;
    }
    return signals;
  }

  /** Says who is told; before the first lease is taken. */
  void deliverTo(LeaseKeeper receiver) {
    keeper.complete(receiver);
  }

  @Override
  public int signal() {
    return signal;
  }

  @Override
  public int ownerThread() {
    return tid;
  }

  /** Whether breaks are being seen. */
  public boolean isAlive() {
    return thread.isAlive();
  }

  /** Ends the thread. Leases still held are then no longer watched: give them up first. */
  @Override
  public void close() {
    stopping = true;
    keeper.complete(null);
    int result = kernel.signalThread(tid, signal);
    if (result < 0 && !Errno.ESRCH.is(result)) {
      LOG.warn("cannot wake the lease signal thread: {}", Errno.describe(result));
    }
    try {
      if (!thread.join(STOP_TIMEOUT)) {
        LOG.warn("the lease signal thread did not end within {}", STOP_TIMEOUT);
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    int result = kernel.blockSignals(signal, SIGIO);
    if (result < 0) {
      started.completeExceptionally(
          new PosixException(
              "rt_sigprocmask",
              result,
              "signal " + signal + " of the lease thread",
              "report this: it cannot fail on Linux"));
      return;
    }
    started.complete(kernel.gettid());
    LeaseKeeper receiver = keeper.join();
    if (receiver == null) {
      return;
    }
    var info = new SignalInfo();
    int failures = 0;
    while (!stopping && failures < WAIT_FAILURES_MAX) {
      int received = kernel.waitForSignal(info, signal, SIGIO);
      if (stopping) {
        return;
      }
      long seenAtNanos = clock.nanoTime();
      failures = received < 0 ? failures + 1 : 0;
      try {
        dispatch(receiver, received, info, seenAtNanos);
      } catch (RuntimeException e) {
        // Whatever one seal's listener does, the breaks of all others must still be seen.
        LOG.error("a lease break of descriptor {} was not handled", info.fd(), e);
      }
    }
    if (!stopping) {
      events.onSignalAnomaly(SignalAnomaly.THREAD_DIED, -1, clock.nanoTime());
    }
  }

  private void dispatch(LeaseKeeper receiver, int received, SignalInfo info, long seenAtNanos) {
    if (received < 0) {
      if (!Errno.EINTR.is(received)) {
        LOG.warn("waiting for lease breaks: {}", Errno.describe(received));
        events.onSignalAnomaly(SignalAnomaly.WAIT_FAILED, -1, seenAtNanos);
      }
      receiver.onSignalsLost(seenAtNanos);
    } else if (received == SIGIO) {
      events.onSignalAnomaly(SignalAnomaly.QUEUE_OVERFLOW, -1, seenAtNanos);
      receiver.onSignalsLost(seenAtNanos);
    } else if (info.fd() >= 0) {
      receiver.onSignal(info.fd(), seenAtNanos);
    } else {
      events.onSignalAnomaly(SignalAnomaly.FOREIGN, -1, seenAtNanos);
    }
  }
}
