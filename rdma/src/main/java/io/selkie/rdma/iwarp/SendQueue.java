package io.selkie.rdma.iwarp;

import io.selkie.config.time.NanoClock;
import io.selkie.rdma.QueuePair.PostResult;
import io.selkie.rdma.WorkStatus;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/**
 * The work requests of a queue pair: a ring of slots, allocated once.
 *
 * <pre>
 *    reaped ≤ completed ≤ started ≤ posted         sequence numbers; slot = number &amp; mask
 *      |         |           |         |
 *      |         |           |         +-- next to be posted
 *      |         |           +------------ next to be put on the wire
 *      |         +------------------------ first that is not over yet
 *      +---------------------------------- next to be given to the consumer
 * </pre>
 *
 * <p><b>Threading.</b> Any thread posts and reaps; the thread that owns the connection starts and
 * completes. The monitor guards all of it and is held for a few instructions only. What a slot
 * holds does not change between its post and its reaping, so the owner reads it without the
 * monitor.
 */
final class SendQueue {

  /** What a slot asks for. */
  enum Kind {
    READ,
    WRITE,
    WRITE_AND_CONFIRM,
    SEND,
    SEND_INVALIDATE,
    /** A read of nothing that the connection sends for itself; never reaped. */
    READY_TO_RECEIVE;

    boolean isRead() {
      return this == READ || this == WRITE_AND_CONFIRM || this == READY_TO_RECEIVE;
    }

    boolean isWrite() {
      return this == WRITE || this == WRITE_AND_CONFIRM;
    }
  }

  private final int depth;
  private final int mask;
  private final Kind[] kinds;
  private final long[] workIds;
  private final IwarpRegion[] regions;
  private final long[] offsets;
  private final long[] lengths;
  private final int[] remoteKeys;
  private final long[] remoteAddresses;
  private final long[] endOffsets;
  private final boolean[] done;
  private final WorkStatus[] statuses;

  private long reaped;
  private long completed;
  private long started;
  private long posted;
  private boolean broken;
  private int waiters;

  // The owner's alone: writes and sends before this one have been taken by the kernel.
  private long written;
  // The owner's alone: reads on the wire, oldest first, as sequence numbers of slots.
  private final long[] reads;
  private long readHead;
  private long readTail;

  SendQueue(int depth) {
    this.depth = depth;
    // One more than the consumer may use, for the read that the set-up may need.
    int size = Integer.highestOneBit(depth) << 1;
    mask = size - 1;
    kinds = new Kind[size];
    workIds = new long[size];
    regions = new IwarpRegion[size];
    offsets = new long[size];
    lengths = new long[size];
    remoteKeys = new int[size];
    remoteAddresses = new long[size];
    endOffsets = new long[size];
    done = new boolean[size];
    statuses = new WorkStatus[size];
    reads = new long[size];
  }

  int depth() {
    return depth;
  }

  /**
   * Takes a request.
   *
   * @param region null with an offset of -1 when the local buffer is not covered
   */
  synchronized PostResult post(
      Kind kind,
      IwarpRegion region,
      long offset,
      long length,
      int remoteKey,
      long remoteAddress,
      long workId) {
    if (broken) {
      return PostResult.BROKEN;
    }
    if (posted - reaped >= depth && kind != Kind.READY_TO_RECEIVE) {
      return PostResult.QUEUE_FULL;
    }
    int slot = (int) posted & mask;
    kinds[slot] = kind;
    regions[slot] = region;
    offsets[slot] = offset;
    lengths[slot] = length;
    remoteKeys[slot] = remoteKey;
    remoteAddresses[slot] = remoteAddress;
    workIds[slot] = workId;
    done[slot] = false;
    statuses[slot] = WorkStatus.SUCCESS;
    endOffsets[slot] = Long.MAX_VALUE;
    posted++;
    return PostResult.POSTED;
  }

  // ---- the owner's side ----

  /** The next request to put on the wire, or -1. */
  synchronized long next() {
    return started < posted ? started : -1;
  }

  synchronized boolean hasNext() {
    return started < posted;
  }

  Kind kind(long sequence) {
    return kinds[(int) sequence & mask];
  }

  IwarpRegion region(long sequence) {
    return regions[(int) sequence & mask];
  }

  long offset(long sequence) {
    return offsets[(int) sequence & mask];
  }

  long length(long sequence) {
    return lengths[(int) sequence & mask];
  }

  int remoteKey(long sequence) {
    return remoteKeys[(int) sequence & mask];
  }

  long remoteAddress(long sequence) {
    return remoteAddresses[(int) sequence & mask];
  }

  /**
   * The request's last octet is in an outgoing buffer.
   *
   * @param endOffset count of all octets of the connection up to and with that one
   */
  void started(long sequence, long endOffset) {
    int slot = (int) sequence & mask;
    endOffsets[slot] = endOffset;
    if (kinds[slot].isRead()) {
      reads[(int) readTail & mask] = sequence;
      readTail++;
    }
    synchronized (this) {
      if (!broken) {
        started = sequence + 1;
      }
    }
  }

  /** Reads on the wire. */
  int readsOutstanding() {
    return (int) (readTail - readHead);
  }

  /** The oldest read on the wire; only when there is one. */
  long oldestRead() {
    return reads[(int) readHead & mask];
  }

  /** Whether the read that comes next is at least so long. */
  boolean awaitsRead(long bytes) {
    return readsOutstanding() > 0 && length(oldestRead()) >= bytes;
  }

  /** The read on the wire that was sent so many after the oldest one, or -1. */
  long readAfterOldest(int distance) {
    return distance >= 0 && distance < readsOutstanding()
        ? reads[(int) (readHead + distance) & mask]
        : -1;
  }

  /** The oldest read on the wire is over. */
  void oldestReadDone() {
    long sequence = reads[(int) readHead & mask];
    readHead++;
    synchronized (this) {
      done[(int) sequence & mask] = true;
      advance();
    }
  }

  /** The kernel has taken so many octets of the connection: completes writes and sends. */
  void writtenTo(long totalBytes) {
    if (written == started || endOffsets[(int) written & mask] > totalBytes) {
      return;
    }
    synchronized (this) {
      if (broken) {
        return;
      }
      while (written < started && endOffsets[(int) written & mask] <= totalBytes) {
        int slot = (int) written & mask;
        if (!kinds[slot].isRead()) {
          done[slot] = true;
        }
        written++;
      }
      advance();
    }
  }

  /**
   * The oldest write that is not over and that holds this address, else the oldest write, or -1.
   */
  synchronized long unfinishedWrite(int remoteKey, long remoteAddress) {
    long oldest = -1;
    for (long sequence = completed; sequence < posted; sequence++) {
      int slot = (int) sequence & mask;
      if (kinds[slot].isWrite()) {
        long distance = remoteAddress - remoteAddresses[slot];
        if (remoteKeys[slot] == remoteKey && distance >= 0 && distance <= lengths[slot]) {
          return sequence;
        }
        oldest = oldest < 0 ? sequence : oldest;
      }
    }
    return oldest;
  }

  /** The oldest request that is not over, or -1. */
  synchronized long oldestUnfinished() {
    return completed < posted ? completed : -1;
  }

  /**
   * Breaks the queue: what is not over is flushed, one of them with its own status. Idempotent.
   *
   * @param culprit the one that failed, or -1
   */
  synchronized void fail(long culprit, WorkStatus status) {
    if (broken) {
      return;
    }
    broken = true;
    for (long sequence = completed; sequence < posted; sequence++) {
      int slot = (int) sequence & mask;
      statuses[slot] = sequence == culprit ? status : WorkStatus.FLUSHED;
      done[slot] = true;
    }
    started = posted;
    advance();
    notifyAll();
  }

  private void advance() {
    long before = completed;
    while (completed < posted && done[(int) completed & mask]) {
      completed++;
    }
    if (waiters > 0 && completed != before) {
      notifyAll();
    }
  }

  // ---- the consumer's side ----

  /** The next completion's sequence number, or -1; it stays the caller's until {@link #reaped}. */
  synchronized boolean reap(Completion into) {
    while (reaped < completed) {
      int slot = (int) reaped & mask;
      reaped++;
      regions[slot] = null;
      if (kinds[slot] != Kind.READY_TO_RECEIVE) {
        into.workId = workIds[slot];
        into.status = statuses[slot];
        return true;
      }
    }
    return false;
  }

  synchronized boolean hasCompletions() {
    while (reaped < completed && kinds[(int) reaped & mask] == Kind.READY_TO_RECEIVE) {
      reaped++;
    }
    return reaped < completed;
  }

  /** Whether completions can still come. */
  synchronized boolean isIdle() {
    return completed == posted;
  }

  /** Waits until there is a completion, until none can come any more, or until the time is over. */
  synchronized void awaitCompletion(long nanos, NanoClock clock) throws InterruptedException {
    long start = clock.nanoTime();
    long left = nanos;
    waiters++;
    try {
      while (reaped == completed && !(broken && completed == posted) && left > 0) {
        wait(Math.max(1, TimeUnit.NANOSECONDS.toMillis(left)));
        left = nanos - (clock.nanoTime() - start);
      }
    } finally {
      waiters--;
    }
  }

  /** Where a completion is put; reused, so that reaping allocates nothing. */
  static final class Completion {
    long workId;
    WorkStatus status;
  }

  @Override
  public synchronized String toString() {
    return "send queue: reaped %d, completed %d, started %d, posted %d%s of %s"
        .formatted(
            reaped, completed, started, posted, broken ? ", broken" : "", Arrays.toString(kinds));
  }
}
