package io.selkie.client.direct;

import io.selkie.config.time.NanoClock;
import io.selkie.rdma.CompletionQueue;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePair.PostResult;
import io.selkie.rdma.WorkStatus;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * A queue pair and the work requests in flight on it.
 *
 * <p><b>Threading.</b> A thread posts its own request and then waits for it. Of the threads that
 * wait, one (the driver) polls the completion queue and marks what completed, for itself and for
 * the others, which park; when the driver's own request is done it wakes the next one. So a single
 * thread reads and writes without any hand-over. Requests posted with a callback have nobody who
 * waits: a reaper thread drives for them when no one else does.
 */
public final class DirectChannel implements AutoCloseable {
  /** Most work requests in flight. */
  public static final int IN_FLIGHT_MAX = 64;

  /** Answer of {@link #post} when there is no room for another request now. */
  static final int NO_ROOM = -1;

  /** Answer of {@link #post} when the queue pair takes no requests any more. */
  static final int BROKEN = -2;

  private static final int REAP_MAX = 64;
  private static final long FLUSH_NANOS = 1_000_000_000L;

  /** Told about a request that nobody waits for; must be short and must not block. */
  interface Callback {
    void onDone(WorkStatus status);
  }

  private static final class Work {
    volatile boolean done;
    volatile Thread waiter;
    WorkStatus status;
    Callback callback;
    volatile int generation;
  }

  private record Finished(Callback callback, WorkStatus status) {}

  private final QueuePair queuePair;
  private final LocalMemory memory;
  private final String peer;
  private final NanoClock clock;
  private final long timeoutNanos;
  private final Work[] works = new Work[IN_FLIGHT_MAX];
  private final IndexPool room;
  private final AtomicReference<Thread> driver = new AtomicReference<>();
  private final CompletionQueue.Sink sink = this::onCompletion;
  private final ArrayDeque<Finished> finished = new ArrayDeque<>(IN_FLIGHT_MAX);
  private final AtomicInteger callbacksPending = new AtomicInteger();
  private final AtomicBoolean mayFlush;
  private volatile Thread reaper;
  private volatile boolean closed;

  /**
   * Takes a queue pair over.
   *
   * @param queuePair connected; owned by the channel from now on
   * @param memory what its requests may name
   * @param clock for the bound on requests
   * @param timeoutNanos a request that takes longer breaks the queue pair
   */
  public DirectChannel(
      QueuePair queuePair, LocalMemory memory, NanoClock clock, long timeoutNanos) {
    this(queuePair, memory, clock, timeoutNanos, new AtomicBoolean());
  }

  /**
   * Takes a queue pair over.
   *
   * @param queuePair connected; owned by the channel from now on
   * @param memory what its requests may name
   * @param clock for the bound on requests
   * @param timeoutNanos a request that takes longer breaks the queue pair
   * @param mayFlush whether what is written through it may be flushed; false once that was
   *     {@linkplain #flushNoMore refused}, for all who share it
   */
  public DirectChannel(
      QueuePair queuePair,
      LocalMemory memory,
      NanoClock clock,
      long timeoutNanos,
      AtomicBoolean mayFlush) {
    this.mayFlush = mayFlush;
    this.queuePair = queuePair;
    this.memory = memory;
    this.peer = queuePair.remoteAddress();
    this.clock = clock;
    this.timeoutNanos = timeoutNanos;
    // A write with confirmation may take two entries of the provider's queue.
    room = new IndexPool(Math.clamp(queuePair.sendQueueDepth() / 2, 1, IN_FLIGHT_MAX));
    for (int i = 0; i < works.length; i++) {
      works[i] = new Work();
    }
  }

  /** What requests may name. */
  LocalMemory memory() {
    return memory;
  }

  /** The peer's address, for messages. */
  public String peer() {
    return peer;
  }

  /** Whether requests can be posted. */
  public boolean isUp() {
    return !closed && queuePair.isUp();
  }

  /** Why the queue pair ended, in words for a person. */
  public String endedBecause() {
    DisconnectCause cause = queuePair.disconnectCause();
    return cause == null ? "it is up" : cause.kind() + ": " + cause.detail();
  }

  /** Whether {@link #flush} is worth trying. */
  public boolean mayFlush() {
    return mayFlush.get() && queuePair.canFlush();
  }

  /** The peer's device refuses it; true for who says so first. */
  public boolean flushNoMore() {
    return mayFlush.compareAndSet(true, false);
  }

  /**
   * Has the peer's device make durable what was written to a range, by RDMA FLUSH. A refusal ends
   * the queue pair.
   *
   * @param bytes 1 to 2^32 - 1
   */
  public WorkStatus flush(int key, long address, long bytes) {
    while (true) {
      int index = takeRoom();
      if (index == IndexPool.NONE) {
        abort("no request ended for " + timeoutNanos / 1_000_000 + " ms");
        return WorkStatus.CONNECTION_LOST;
      }
      long workId = begin(index, null);
      int ticket = begun(index, queuePair.postFlush(key, address, bytes, true, workId));
      if (ticket == BROKEN) {
        return WorkStatus.CONNECTION_LOST;
      }
      if (ticket != NO_ROOM) {
        return await(ticket);
      }
      driveOnce();
    }
  }

  /**
   * Posts a request that the caller will {@linkplain #await wait} for.
   *
   * @param confirm for writes: complete only when the bytes are placed at the peer
   * @return a ticket for {@link #await}, {@link #NO_ROOM} or {@link #BROKEN}
   */
  int post(
      boolean write, boolean confirm, MemoryRegion region, MemorySegment local, int key, long to) {
    int index = room.tryTake();
    return index == IndexPool.NONE
        ? NO_ROOM
        : postAt(index, null, write, confirm, region, local, key, to);
  }

  /** Like {@link #post}, but waits for room. For callers that have no request in flight. */
  int postWhenRoom(
      boolean write, boolean confirm, MemoryRegion region, MemorySegment local, int key, long to) {
    while (true) {
      int index = takeRoom();
      if (index == IndexPool.NONE) {
        abort("no request ended for " + timeoutNanos / 1_000_000 + " ms");
        return BROKEN;
      }
      int ticket = postAt(index, null, write, confirm, region, local, key, to);
      if (ticket != NO_ROOM) {
        return ticket;
      }
      driveOnce();
    }
  }

  /** Posts a request whose end a callback hears of; false when the queue pair is broken. */
  boolean postWithCallback(
      Callback callback,
      boolean write,
      MemoryRegion region,
      MemorySegment local,
      int key,
      long to) {
    while (true) {
      int index = takeRoom();
      if (index == IndexPool.NONE) {
        abort("no request ended for " + timeoutNanos / 1_000_000 + " ms");
        return false;
      }
      callbacksPending.incrementAndGet();
      int ticket = postAt(index, callback, write, true, region, local, key, to);
      if (ticket >= 0) {
        wakeReaper();
        return true;
      }
      callbacksPending.decrementAndGet();
      if (ticket == BROKEN) {
        return false;
      }
      driveOnce();
    }
  }

  /** Waiting uninterruptibly: a request in flight owns the caller's memory. */
  private int takeRoom() {
    int index = room.tryTake();
    boolean interrupted = false;
    while (index == IndexPool.NONE) {
      try {
        index = room.take(timeoutNanos);
        break;
      } catch (InterruptedException _) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return index;
  }

  private int postAt(
      int index,
      Callback callback,
      boolean write,
      boolean confirm,
      MemoryRegion region,
      MemorySegment local,
      int key,
      long to) {
    long workId = begin(index, callback);
    PostResult result =
        !write
            ? queuePair.postRead(region, local, key, to, workId)
            : confirm
                ? queuePair.postWriteAndConfirm(region, local, key, to, workId)
                : queuePair.postWrite(region, local, key, to, workId);
    return begun(index, result);
  }

  /** The number of a request that is about to be posted. */
  private long begin(int index, Callback callback) {
    Work work = works[index];
    work.done = false;
    work.status = null;
    work.callback = callback;
    work.waiter = callback == null ? Thread.currentThread() : null;
    // Written last: whoever reads the generation of a completion sees the rest.
    int generation = work.generation + 1;
    work.generation = generation;
    return (long) generation << 32 | index;
  }

  private int begun(int index, PostResult result) {
    if (result == PostResult.POSTED) {
      return index;
    }
    Work work = works[index];
    work.waiter = null;
    work.callback = null;
    room.give(index);
    return result == PostResult.QUEUE_FULL ? NO_ROOM : BROKEN;
  }

  /**
   * Waits for a request and gives its ticket up. Not interruptible, because the request owns the
   * caller's memory; an interrupt is kept for later. A request that does not end within the bound
   * breaks the queue pair, which ends it.
   */
  WorkStatus await(int ticket) {
    Work work = works[ticket];
    if (!work.done) {
      awaitSlow(work);
    }
    WorkStatus status = work.status;
    work.waiter = null;
    room.give(ticket);
    return status;
  }

  private void awaitSlow(Work work) {
    long deadline = clock.nanoTime() + timeoutNanos;
    boolean interrupted = false;
    while (!work.done) {
      if (driver.compareAndSet(null, Thread.currentThread())) {
        try {
          interrupted |= driveUntil(work, deadline);
        } finally {
          stopDriving();
        }
      } else {
        LockSupport.parkNanos(this, timeoutNanos);
        interrupted |= Thread.interrupted();
        if (!work.done && clock.nanoTime() - deadline > 0) {
          abort("a request did not end within " + timeoutNanos / 1_000_000 + " ms");
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Polls until a request is done; returns whether the thread was interrupted meanwhile. */
  private boolean driveUntil(Work work, long deadline) {
    boolean interrupted = false;
    while (!work.done) {
      long left = deadline - clock.nanoTime();
      if (left <= 0) {
        abort("a request did not end within " + timeoutNanos / 1_000_000 + " ms");
        left = FLUSH_NANOS;
      }
      interrupted |= reap(left);
    }
    return interrupted;
  }

  private boolean reap(long nanos) {
    boolean interrupted = false;
    try {
      queuePair.completions().await(sink, REAP_MAX, nanos);
    } catch (InterruptedException _) {
      interrupted = true;
    }
    if (!finished.isEmpty()) {
      runCallbacks();
    }
    return interrupted;
  }

  private void driveOnce() {
    if (driver.compareAndSet(null, Thread.currentThread())) {
      try {
        queuePair.completions().poll(sink, REAP_MAX);
        runCallbacks();
      } finally {
        stopDriving();
      }
    } else {
      Thread.onSpinWait();
    }
  }

  private void stopDriving() {
    driver.set(null);
    for (Work other : works) {
      Thread waiter = other.waiter;
      if (waiter != null && !other.done && !waiter.equals(Thread.currentThread())) {
        LockSupport.unpark(waiter);
        return;
      }
    }
    if (callbacksPending.get() > 0) {
      LockSupport.unpark(reaper);
    }
  }

  /** Runs on the driver only. */
  private void onCompletion(long workId, WorkStatus status) {
    int index = (int) workId;
    Work work = works[index];
    if (work.generation != (int) (workId >>> 32) || work.done) {
      throw new IllegalStateException("completion of a request that is not in flight: " + workId);
    }
    work.status = status;
    Callback callback = work.callback;
    if (callback != null) {
      work.callback = null;
      work.done = true;
      finished.add(new Finished(callback, status));
      room.give(index);
      return;
    }
    Thread waiter = work.waiter;
    work.done = true;
    if (waiter != null && !waiter.equals(Thread.currentThread())) {
      LockSupport.unpark(waiter);
    }
  }

  /** Outside of the provider's poll, because a callback may post the next request. */
  private void runCallbacks() {
    Finished next = finished.poll();
    while (next != null) {
      callbacksPending.decrementAndGet();
      next.callback.onDone(next.status);
      next = finished.poll();
    }
  }

  private void wakeReaper() {
    Thread thread = reaper;
    if (thread == null) {
      thread = startReaper();
    }
    if (driver.get() == null) {
      LockSupport.unpark(thread);
    }
  }

  private synchronized Thread startReaper() {
    if (reaper == null) {
      reaper = Thread.ofPlatform().daemon().name("selkie-reaper " + peer).start(this::runReaper);
    }
    return reaper;
  }

  private void runReaper() {
    while (!closed || callbacksPending.get() > 0) {
      if (callbacksPending.get() > 0 && driver.compareAndSet(null, Thread.currentThread())) {
        try {
          long deadline = clock.nanoTime() + timeoutNanos;
          while (callbacksPending.get() > 0) {
            int before = callbacksPending.get();
            reap(timeoutNanos);
            if (callbacksPending.get() < before) {
              deadline = clock.nanoTime() + timeoutNanos;
            } else if (clock.nanoTime() - deadline > 0) {
              abort("no request ended for " + timeoutNanos / 1_000_000 + " ms");
            }
          }
        } finally {
          stopDriving();
        }
      } else {
        LockSupport.park(this);
      }
    }
  }

  /** Breaks the queue pair at once; requests in flight end as flushed. */
  public void abort(String reason) {
    queuePair.abort(reason);
  }

  /** Ends the queue pair; requests in flight end as flushed, to be seen by who waits for them. */
  @Override
  public void close() {
    closed = true;
    queuePair.close();
    Thread thread = reaper;
    if (thread != null) {
      LockSupport.unpark(thread);
    }
  }
}
