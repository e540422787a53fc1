package io.selkie.client.session;

import java.util.ArrayDeque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The slots of a session's fore channel (RFC 8881 section 2.10.6.1). A slot carries one request at
 * a time; its sequence number moves on when the request's reply has come. One slot is kept for
 * urgent requests (returning layouts, renewing the lease), so that recalls never wait behind data.
 * Safe for use by several threads.
 */
final class SlotTable {
  /** One slot; changed only by its holder. */
  static final class Slot {
    final int id;

    /** sa_sequenceid of the next request. */
    int sequence = 1;

    /** Whether a request was given up whose reply never came: it may or may not have counted. */
    boolean uncertain;

    Slot(int id) {
      this.id = id;
    }
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ArrayDeque<Slot> free = new ArrayDeque<>();
  private final Slot urgent;
  private boolean urgentFree = true;
  private int highestInUse = -1;
  private final boolean[] inUse;
  private boolean dead;

  /**
   * All slots are free.
   *
   * @param count slots that the server granted, at least 1
   */
  SlotTable(int count) {
    inUse = new boolean[count];
    for (int i = 0; i < count - 1; i++) {
      free.addLast(new Slot(i));
    }
    Slot last = new Slot(count - 1);
    urgent = last;
  }

  /** Number of slots. */
  int size() {
    return inUse.length;
  }

  /**
   * A slot, or null when none is free in time or the session is dead.
   *
   * @param mayUseUrgent whether the kept slot may be used; always when there is only one
   */
  Slot take(boolean mayUseUrgent, long timeoutNanos) throws InterruptedException {
    long left = timeoutNanos;
    lock.lockInterruptibly();
    try {
      while (!dead) {
        Slot slot = free.pollFirst();
        if (slot == null && urgentFree && (mayUseUrgent || inUse.length == 1)) {
          slot = urgent;
          urgentFree = false;
        }
        if (slot != null) {
          inUse[slot.id] = true;
          highestInUse = Math.max(highestInUse, slot.id);
          return slot;
        }
        if (left <= 0) {
          return null;
        }
        left = changed.awaitNanos(left);
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  /** Gives a slot back. */
  void give(Slot slot) {
    lock.lock();
    try {
      inUse[slot.id] = false;
      while (highestInUse >= 0 && !inUse[highestInUse]) {
        highestInUse--;
      }
      if (slot == urgent) {
        urgentFree = true;
      } else {
        // Low slots first, so that sa_highest_slotid lets the server shrink its table.
        free.addFirst(slot);
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** sa_highest_slotid: the highest slot with a request outstanding. */
  int highestInUse() {
    lock.lock();
    try {
      return Math.max(0, highestInUse);
    } finally {
      lock.unlock();
    }
  }

  /** Ends the wait of everybody: the session is gone. Idempotent. */
  void kill() {
    lock.lock();
    try {
      dead = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Whether {@link #kill} was called. */
  boolean isDead() {
    lock.lock();
    try {
      return dead;
    } finally {
      lock.unlock();
    }
  }
}
