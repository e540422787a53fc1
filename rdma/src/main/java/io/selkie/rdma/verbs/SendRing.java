package io.selkie.rdma.verbs;

import io.selkie.rdma.WorkStatus;

/**
 * The requests of a queue pair in the order of posting, from the post until the completion is
 * reaped. A request is one work request or several; the last one of it is signalled, so the device
 * says of each request that it is over, or of any of its work requests that it failed.
 *
 * <p>Safe for use by several threads. Nothing is allocated.
 */
final class SendRing {

  /** A completion that was reaped. */
  static final class Completion {
    long workId;
    WorkStatus status;
  }

  private final int depth;
  private final int workRequests;
  private final long[] workIds;
  private final int[] parts;
  private final WorkStatus[] statuses;
  // Counts of requests that were ever reaped, finished with all before them, and posted; an index
  // is
  // such a count.
  private long reaped;
  private long finished;
  private long posted;
  private int workRequestsInUse;
  private boolean failed;
  private boolean failedInTurn;

  /**
   * @param depth requests outstanding at most
   * @param workRequests that the device takes at a time
   */
  SendRing(int depth, int workRequests) {
    this.depth = depth;
    this.workRequests = workRequests;
    workIds = new long[depth];
    parts = new int[depth];
    statuses = new WorkStatus[depth];
  }

  int depth() {
    return depth;
  }

  /** Work requests that one request may consist of. */
  int partsMax() {
    return workRequests;
  }

  /** Takes a request in; its number, or -1 when there is no room. */
  synchronized long post(long workId, int count) {
    if (posted - reaped >= depth || workRequestsInUse + count > workRequests) {
      return -1;
    }
    int at = (int) (posted % depth);
    workIds[at] = workId;
    parts[at] = count;
    statuses[at] = null;
    workRequestsInUse += count;
    return posted++;
  }

  /** The newest request was not taken by the device after all. */
  synchronized void unpost(long number) {
    if (number != posted - 1 || finished > number) {
      throw new IllegalStateException(
          "request %d is not the newest of %d, or is over".formatted(number, posted));
    }
    posted--;
    workRequestsInUse -= parts[(int) (number % depth)];
  }

  /**
   * A request is over; those before it need not be: software iWARP ends a WRITE when it is sent,
   * though a READ before it waits for its answer. Said of one that is over already, it changes
   * nothing: the rest of a request of which a part failed.
   *
   * @return whether this is the first failure
   */
  synchronized boolean finish(long number, WorkStatus status) {
    if (number >= posted) {
      throw new IllegalStateException(
          "request %d is over, but only %d were posted".formatted(number, posted));
    }
    int at = (int) (number % depth);
    if (number < finished || statuses[at] != null) {
      return false;
    }
    statuses[at] = status;
    workRequestsInUse -= parts[at];
    boolean first = status != WorkStatus.SUCCESS && !failed;
    failed |= first;
    for (; finished < posted && statuses[(int) (finished % depth)] != null; finished++) {
      settle((int) (finished % depth));
    }
    return first;
  }

  /** The first of them to fail, in the order of posting, says how; those behind it are flushed. */
  private void settle(int at) {
    if (statuses[at] != WorkStatus.SUCCESS) {
      if (failedInTurn) {
        statuses[at] = WorkStatus.FLUSHED;
      }
      failedInTurn = true;
    }
  }

  /** A request is over if all before it are; whether it was. */
  synchronized boolean finishIfNext(long number, WorkStatus status) {
    if (number != finished || finished == posted) {
      return false;
    }
    finish(number, status);
    return true;
  }

  /** The queue pair is gone: what is left ends, the first of it so unless one failed before. */
  synchronized void finishAll(WorkStatus firstStatus) {
    while (finished < posted) {
      finish(finished, firstStatus);
    }
  }

  /** Whether there is anything to reap. */
  synchronized boolean isReady() {
    return reaped < finished;
  }

  /** Gives the oldest completion out; false when there is none. */
  synchronized boolean reap(Completion into) {
    if (reaped == finished) {
      return false;
    }
    int at = (int) (reaped % depth);
    into.workId = workIds[at];
    into.status = statuses[at];
    reaped++;
    return true;
  }
}
