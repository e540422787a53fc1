package io.selkie.server.compound;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Threads that may block, for work that can only be slow for the same reason, and with its own
 * admission.
 *
 * <p><b>Fairness.</b> Clients take turns, and one has at most so many threads at a time. A client
 * that has none running never waits for another one's to finish: if all threads are busy it gets a
 * new one, up to a limit that is several times what one client may have. Threads are started as
 * they are needed and end when they have had nothing to do for a while. A thread that ends by an
 * error is replaced. Of the places for compounds, too, nobody gets all ({@link #admit}).
 *
 * <p>Safe for use by several threads; the lock is held for a few instructions only.
 */
final class WorkerLane {

  private static final Logger LOG = LoggerFactory.getLogger(WorkerLane.class);
  private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final int FLOWS_KEPT = 1024;

  /**
   * How large it may get.
   *
   * @param clientThreads that one client may have at a time
   * @param threadsMax in all
   * @param capacity compounds admitted
   */
  record Size(int clientThreads, int threadsMax, int capacity) {}

  /** What a lane is for; see {@link Workers}. */
  enum Kind {
    ORDINARY("nfs-worker-"),
    DISK("nfs-disk-"),
    GIVING_BACK("nfs-return-"),
    CLOSING("nfs-close-");

    private final String threadNames;

    Kind(String threadNames) {
      this.threadNames = threadNames;
    }
  }

  private final Kind kind;
  private final String threadNames;
  private final int place;
  private final Size size;
  private final Semaphore spareThreads;
  private final ThreadFactory threadOf;
  private final AtomicInteger admitted = new AtomicInteger();
  private final AtomicInteger suspendedElsewhere = new AtomicInteger();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition work = lock.newCondition();
  private final Condition ended = lock.newCondition();
  private final Map<Long, Flow> flows = new HashMap<>();
  private final ArrayDeque<Flow> ready = new ArrayDeque<>();
  private final Set<Thread> threads = new HashSet<>();
  private int idle;
  private int started;
  private int flowsMax = FLOWS_KEPT;
  private boolean stopping;

  /**
   * Without threads yet.
   *
   * @param place what its work depends on, see {@link Places}
   * @param spareThreads of all lanes together, for more than {@code clientThreads} of one
   */
  WorkerLane(Kind kind, int place, Size size, Semaphore spareThreads) {
    this(kind, kind.threadNames, place, size, spareThreads, Thread.ofPlatform().daemon().factory());
  }

  WorkerLane(String threadNames, int place, Size size, Semaphore spareThreads) {
    this(threadNames, place, size, spareThreads, Thread.ofPlatform().daemon().factory());
  }

  WorkerLane(
      String threadNames, int place, Size size, Semaphore spareThreads, ThreadFactory threadOf) {
    this(Kind.ORDINARY, threadNames, place, size, spareThreads, threadOf);
  }

  private WorkerLane(
      Kind kind,
      String threadNames,
      int place,
      Size size,
      Semaphore spareThreads,
      ThreadFactory threadOf) {
    this.kind = kind;
    this.threadOf = threadOf;
    this.threadNames = threadNames;
    this.place = place;
    this.size = size;
    this.spareThreads = spareThreads;
  }

  int place() {
    return place;
  }

  /** What it is for; asked for each operation, where a look into the table of lanes costs. */
  Kind kind() {
    return kind;
  }

  /**
   * Takes a place for a compound. A client may have as many as are still free, so that however much
   * a few ask for, the next one finds some; and always as many as it may have threads.
   *
   * @param client what turns are taken by, see {@link Flow#client}
   * @param known the flow that the same compound had before, or null
   * @return the client's flow, to be given to {@link #leave}; null when there is no place for it
   */
  Flow admit(long client, Flow known) {
    Flow flow = isFlowOf(client, known) ? known : lockedFlowOf(client);
    int own = flow.admitted.incrementAndGet();
    for (int now = admitted.get();
        own <= Math.max(size.clientThreads, size.capacity - now) && now < size.capacity;
        now = admitted.get()) {
      if (admitted.compareAndSet(now, now + 1)) {
        return flow;
      }
    }
    flow.admitted.decrementAndGet();
    return null;
  }

  private Flow lockedFlowOf(long client) {
    lock.lock();
    try {
      return flowOf(client, null);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes in a compound that began to wait on an event loop and must not be cut off. It counts
   * apart: few operations can do that, their number is bounded by slots and connections, and others
   * find no place less for it.
   */
  void admitSuspended() {
    suspendedElsewhere.incrementAndGet();
  }

  /**
   * Gives a place back.
   *
   * @param flow of {@link #admit}; null after {@link #admitSuspended}
   */
  void leave(Flow flow) {
    if (flow == null) {
      suspendedElsewhere.decrementAndGet();
    } else {
      flow.admitted.decrementAndGet();
      admitted.decrementAndGet();
    }
  }

  int admittedCount() {
    return admitted.get() + suspendedElsewhere.get();
  }

  /**
   * Runs an admitted compound's next part.
   *
   * @param client what turns are taken by, see {@link Flow#client}
   * @param known the flow that the same compound had before, or null
   * @return the client's flow, to be given again
   * @throws RejectedExecutionException when the lane is stopped
   * @throws OutOfMemoryError when there is no thread and none can be had; the part is not taken
   */
  Flow execute(Runnable part, long client, Flow known) {
    lock.lock();
    try {
      if (stopping) {
        throw new RejectedExecutionException("the workers are stopped");
      }
      Flow flow = flowOf(client, known);
      flow.waiting.add(part);
      offer(flow);
      if (idle > 0) {
        work.signal();
      }
      if (ready.size() > idle) {
        // Idle threads that were woken up already do not count for two.
        startOrTakeBack(flow, part);
      }
      return flow;
    } finally {
      lock.unlock();
    }
  }

  private void startOrTakeBack(Flow flow, Runnable part) {
    boolean taken = false;
    try {
      startFor(flow);
      taken = true;
    } finally {
      if (!taken) {
        flow.waiting.removeLastOccurrence(part);
        if (flow.waiting.isEmpty()) {
          flow.ready = false;
          ready.remove(flow);
        }
      }
    }
  }

  private boolean isFlowOf(long client, Flow known) {
    return known != null && known.lane == this && known.client == client && !known.forgotten;
  }

  private Flow flowOf(long client, Flow known) {
    if (isFlowOf(client, known)) {
      return known;
    }
    if (flows.size() >= flowsMax && !flows.containsKey(client)) {
      flows.values().removeIf(flow -> flow.forgotten = flow.isIdle());
      // Not to be looked through again for each one that is new when most are at work.
      flowsMax = Math.max(FLOWS_KEPT, 2 * flows.size());
    }
    return flows.computeIfAbsent(client, id -> new Flow(this, id));
  }

  /** Puts a flow into the ring if it may have another thread. */
  private void offer(Flow flow) {
    if (!flow.ready && !flow.waiting.isEmpty() && flow.running < size.clientThreads) {
      flow.ready = true;
      ready.add(flow);
    }
  }

  /** All threads are busy: one more, as long as there are few or the client has none at all. */
  private void startFor(Flow flow) {
    boolean few = threads.size() < size.clientThreads;
    if (few
        || (flow.running == 0 && threads.size() < size.threadsMax && spareThreads.tryAcquire())) {
      Thread thread = threadOf.newThread(() -> work(!few));
      thread.setName(threadNames + started++);
      boolean runs = false;
      try {
        threads.add(thread);
        thread.start();
        runs = true;
      } catch (OutOfMemoryError e) {
        if (threads.size() == 1) {
          throw e;
        }
        LOG.error("no further thread for {}: those that there are go on", thread.getName(), e);
      } finally {
        if (!runs) {
          threads.remove(thread);
          if (!few) {
            spareThreads.release();
          }
        }
      }
    }
  }

  /** Who was passed by gets a thread, too: the one that was meant for it may have taken another. */
  private void startForReady() {
    if (ready.size() <= idle) {
      return;
    }
    for (Flow flow : ready) {
      if (flow.running == 0 || threads.size() < size.clientThreads) {
        startFor(flow);
        return;
      }
    }
  }

  private void work(boolean spare) {
    Flow flow = null;
    boolean failed = true;
    try {
      while (true) {
        Runnable part;
        lock.lock();
        try {
          if (flow != null) {
            finished(flow);
          }
          flow = next();
          if (flow == null) {
            failed = false;
            return;
          }
          part = flow.waiting.poll();
          flow.running++;
          offer(flow);
          if (!ready.isEmpty() && idle > 0) {
            work.signal();
          }
          startForReady();
        } finally {
          lock.unlock();
        }
        part.run();
      }
    } finally {
      end(failed ? flow : null, spare);
    }
  }

  private void finished(Flow flow) {
    flow.running--;
    offer(flow);
  }

  /** Waits for a flow that has work; null when the thread is to end. */
  private Flow next() {
    long left = IDLE_NANOS;
    while (true) {
      Flow flow = ready.poll();
      if (flow != null) {
        flow.ready = false;
        return flow;
      }
      if (left <= 0 || stopping) {
        return null;
      }
      idle++;
      try {
        left = work.awaitNanos(left);
      } catch (InterruptedException _) {
        // Only close() interrupts, and has emptied the queues.
        left = 0;
      } finally {
        idle--;
      }
    }
  }

  private void end(Flow broken, boolean spare) {
    lock.lock();
    try {
      threads.remove(Thread.currentThread());
      if (spare) {
        spareThreads.release();
      }
      if (broken != null) {
        finished(broken);
      }
      startForReady();
    } finally {
      if (threads.isEmpty()) {
        ended.signalAll();
      }
      lock.unlock();
    }
  }

  /** Takes nothing new; what waits is still run. */
  void shutdown() {
    lock.lock();
    try {
      stopping = true;
      work.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until all threads have ended after {@link #shutdown}. */
  boolean awaitEnd(long timeoutNanos) throws InterruptedException {
    long left = timeoutNanos;
    lock.lock();
    try {
      while (!threads.isEmpty()) {
        if (left <= 0) {
          return false;
        }
        left = ended.awaitNanos(left);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Drops what waits and interrupts what runs. */
  void shutdownNow() {
    lock.lock();
    try {
      stopping = true;
      ready.forEach(flow -> flow.ready = false);
      ready.clear();
      flows.values().forEach(flow -> flow.waiting.clear());
      threads.forEach(Thread::interrupt);
      work.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
