package io.selkie.server.state;

import io.selkie.protocol.nfs4.LockOwner4;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Predicate;

/** Who waits for locks of one file, in the order of coming. Guarded by the file's lock. */
final class LockQueue {

  private final List<LockWaiter> waiters = new ArrayList<>(0);

  boolean isEmpty() {
    return waiters.isEmpty();
  }

  /** All of them. */
  List<LockWaiter> all() {
    return waiters;
  }

  int size() {
    return waiters.size();
  }

  /** The one who asked for this very lock before; null when there is none. */
  LockWaiter find(LockOwner4 owner, LockRange range, boolean exclusive) {
    for (LockWaiter waiter : waiters) {
      if (waiter.owner.equals(owner)
          && waiter.range.equals(range)
          && waiter.exclusive == exclusive) {
        return waiter;
      }
    }
    return null;
  }

  void add(LockWaiter waiter) {
    waiters.add(waiter);
  }

  /** Takes away those that answer a description; returns how many. */
  int remove(Predicate<LockWaiter> which) {
    int before = waiters.size();
    for (Iterator<LockWaiter> each = waiters.iterator(); each.hasNext(); ) {
      LockWaiter waiter = each.next();
      if (which.test(waiter)) {
        each.remove();
        waiter.become(LockWaiter.State.GONE);
      }
    }
    return before - waiters.size();
  }

  /** Takes away one that is there; returns 1, for the count. */
  int remove(LockWaiter waiter) {
    return remove(other -> other == waiter);
  }

  /** One who was told and did not come waits on, behind all others. */
  void toTheEnd(LockWaiter waiter) {
    waiter.become(LockWaiter.State.WAITING);
    waiter.missed++;
    waiters.remove(waiter);
    waiters.add(waiter);
  }

  /** One who was told to come and for whom the lock is kept; null when there is none. */
  LockWaiter keptFor(LockRange range, boolean exclusive, LockOwner4 owner) {
    for (LockWaiter waiter : waiters) {
      if (waiter.state() == LockWaiter.State.TOLD && waiter.isInTheWayOf(range, exclusive, owner)) {
        return waiter;
      }
    }
    return null;
  }

  /** Those whose turn has come: nothing that is held or kept for others is in their way. */
  List<LockWaiter> next(FileLocks locks) {
    List<LockWaiter> told = new ArrayList<>(0);
    for (LockWaiter waiter : waiters) {
      if (waiter.state() == LockWaiter.State.WAITING
          && locks.conflict(waiter.range, waiter.exclusive, waiter.owner) == null
          && keptFor(waiter.range, waiter.exclusive, waiter.owner) == null) {
        waiter.become(LockWaiter.State.TOLD);
        told.add(waiter);
      }
    }
    return told;
  }
}
