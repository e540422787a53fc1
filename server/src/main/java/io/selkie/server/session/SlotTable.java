package io.selkie.server.session;

import io.selkie.server.session.SlotBudget.Pressure;
import java.util.Arrays;

/**
 * The slots of a session's fore channel (RFC 8881 section 2.10.6.1): how many the server accepts,
 * and how many it would like the client to use. The two differ from when the server wants slots
 * back until the client has shown that it knows: it has sent a next request on a slot whose last
 * reply said so, and nothing of it is outstanding above.
 *
 * <p>A client that uses all its slots but one, which it may keep for urgent requests, gets more, as
 * far as it once asked for while replies may be promised without pressure, and up to what each
 * session keeps while there is some.
 *
 * <p>Safe for use by several threads; nobody waits for the lock for long, and {@link #get} takes
 * none.
 */
final class SlotTable {

  /** It grows by a quarter. */
  private static final int GROWTH_DIVISOR = 4;

  private final Session session;
  private final SlotBudget budget;
  private final long bytesPerSlot;
  private final int max;

  /** Also those retired, whose sequence ids are remembered. */
  private volatile Slot[] slots;

  private volatile int count;
  private volatile int target;
  private volatile int peak;
  private boolean closed;

  /**
   * Creates a table whose slots have been taken from the budget, with what the session costs.
   *
   * @param count how many there are at first
   * @param max how many there may be
   * @param bytesPerSlot what each promises
   */
  SlotTable(Session session, int count, int max, long bytesPerSlot, SlotBudget budget) {
    this.session = session;
    this.max = Math.max(count, max);
    this.bytesPerSlot = bytesPerSlot;
    this.budget = budget;
    this.slots = make(new Slot[0], count);
    this.count = count;
    this.target = count;
  }

  private Slot[] make(Slot[] old, int length) {
    Slot[] all = Arrays.copyOf(old, length);
    for (int i = old.length; i < length; i++) {
      all[i] = new Slot(session, i);
      all[i].told(Integer.MAX_VALUE);
    }
    return all;
  }

  /** How many are accepted; the highest slot id is one less. */
  int count() {
    return count;
  }

  /** How many the client is to use. */
  int target() {
    return target;
  }

  /** The slot, or null: NFS4ERR_BADSLOT. */
  Slot get(int slotId) {
    // The count is read first: slots are never fewer than it says.
    return slotId >= 0 && slotId < count ? slots[slotId] : null;
  }

  /**
   * A new request has begun on a slot; {@code highestSlotId} is what the client has outstanding.
   */
  void began(Slot slot, int highestSlotId) {
    int used = Math.max(slot.slotId(), highestSlotId) + 1;
    if (used > peak) {
      peak = used;
    }
    if (count > target && highestSlotId < target && slot.told() <= target) {
      retire();
    } else if (target < max && used >= target - 1) {
      grow();
    }
    slot.told(target);
  }

  private synchronized void retire() {
    int left = target;
    if (closed || count <= left) {
      return;
    }
    for (int i = left; i < count; i++) {
      if (slots[i].isRunning()) {
        return;
      }
    }
    int gone = count - left;
    count = left;
    for (int i = left; i < left + gone; i++) {
      slots[i].retire();
    }
    budget.give(gone * bytesPerSlot);
  }

  private synchronized void grow() {
    int most = most(budget.pressure());
    if (closed || target >= most) {
      return;
    }
    if (target < count) {
      target = Math.min(count, most);
      return;
    }
    int more = Math.min(Math.max(1, count / GROWTH_DIVISOR), most - count);
    if (!budget.take(more * bytesPerSlot)) {
      return;
    }
    if (slots.length < count + more) {
      slots = make(slots, count + more);
    }
    count += more;
    target = count;
  }

  /**
   * One that was made when there was nothing left gets what all keep, as soon as there is a bit.
   */
  private int most(Pressure pressure) {
    return switch (pressure) {
      case NONE -> max;
      case SOME -> Math.min(max, SlotReview.KEPT_MIN);
      case HIGH -> 0;
    };
  }

  /**
   * Wants the client to use no more than so many.
   *
   * @return whether that is news
   */
  synchronized boolean lower(int newTarget) {
    if (closed || newTarget < 1 || newTarget >= target) {
      return false;
    }
    target = newTarget;
    return true;
  }

  /** The most slots in use at a time since this was last asked, as the client has said. */
  int takePeak() {
    int most = peak;
    peak = 0;
    return most;
  }

  /** The session is gone: what its slots promised is given back. */
  synchronized void close() {
    if (!closed) {
      closed = true;
      budget.give(Session.OVERHEAD_BYTES + count * bytesPerSlot);
    }
  }
}
