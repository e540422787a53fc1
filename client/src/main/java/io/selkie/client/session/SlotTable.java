package io.selkie.client.session;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The slots of a session's fore channel (RFC 8881 section 2.10.6.1). A slot carries one request at
 * a time; its sequence number moves on when the request's reply has come. One slot is kept for
 * urgent requests (returning layouts, renewing the lease), so that recalls never wait behind data.
 * How many are used follows what the server says in each reply. Safe for use by several threads.
 */
final class SlotTable {
  /** One slot; changed only by its holder. */
  static final class Slot {
    final int id;

    /** sa_sequenceid of the next request. */
    int sequence = 1;

    /** Whether a request was given up whose reply never came: it may or may not have counted. */
    boolean uncertain;

    /** How often the server had taken slots back when this one was taken. */
    private int epoch;

    /** Whether the server has said that it does not know this slot any more. */
    private boolean retired;

    Slot(int id) {
      this.id = id;
    }
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Slot[] slots;
  private final boolean[] inUse;
  private int highestInUse = -1;
  private int epoch;
  private volatile int limit;
  private boolean dead;

  /**
   * All slots are free.
   *
   * @param wanted slots that were asked for, at least 1
   * @param granted slots that the server granted, at least 1
   */
  SlotTable(int wanted, int granted) {
    slots = new Slot[Math.max(1, wanted)];
    for (int i = 0; i < slots.length; i++) {
      slots[i] = new Slot(i);
    }
    inUse = new boolean[slots.length];
    limit = Math.min(slots.length, granted);
  }

  /** How many slots may be in use at a time. */
  int limit() {
    return limit;
  }

  /**
   * What a SEQUENCE was answered with. Fewer slots count at once; more only if the request went out
   * after the server last took some back, because replies are not read in the order they came.
   *
   * @param slot that of the request
   * @param highest sr_highest_slotid
   * @param target sr_target_highest_slotid
   */
  void told(Slot slot, int highest, int target) {
    int now = Math.clamp(Math.min(highest, target) + 1L, 1, slots.length);
    if (now == limit) {
      return;
    }
    lock.lock();
    try {
      if (now < limit) {
        limit = now;
        epoch++;
      } else if (slot.epoch == epoch) {
        // Those that the server had given up begin anew.
        for (int i = limit; i < now; i++) {
          if (!inUse[i] && slots[i].retired) {
            slots[i].retired = false;
            slots[i].sequence = 1;
          }
        }
        limit = now;
        changed.signalAll();
      }
      for (int i = highest + 1; i < slots.length; i++) {
        slots[i].retired |= !inUse[i];
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * A slot, or null when none is free in time or the session is dead.
   *
   * @param mayUseUrgent whether the last free slot may be used; always when there is only one
   */
  Slot take(boolean mayUseUrgent, long timeoutNanos) throws InterruptedException {
    long left = timeoutNanos;
    lock.lockInterruptibly();
    try {
      while (!dead) {
        Slot slot = lowestFree(mayUseUrgent);
        if (slot != null) {
          slot.epoch = epoch;
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

  /** Low slots first, so that sa_highest_slotid lets the server shrink its table. */
  private Slot lowestFree(boolean mayUseLast) {
    Slot lowest = null;
    for (int i = 0; i < limit; i++) {
      if (!inUse[i]) {
        if (lowest != null) {
          return lowest;
        }
        lowest = slots[i];
      }
    }
    return mayUseLast || limit == 1 ? lowest : null;
  }

  /** Gives a slot back. */
  void give(Slot slot) {
    lock.lock();
    try {
      inUse[slot.id] = false;
      while (highestInUse >= 0 && !inUse[highestInUse]) {
        highestInUse--;
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
