package io.selkie.server.state;

import io.selkie.protocol.nfs4.LockOwner4;

/**
 * Somebody who wants a lock and asks again and again (RFC 8881 section 9.6). Guarded by the file's
 * lock.
 */
final class LockWaiter {

  /** Where it stands. */
  enum State {
    /** Something is in its way. */
    WAITING,
    /** Nothing was in its way; it has been told, and the lock is kept for it a little while. */
    TOLD,
    /** It got the lock, gave up, or did not come. */
    GONE
  }

  final OpenState open;
  final LockOwner4 owner;
  final LockRange range;
  final boolean exclusive;
  long askedAtNanos;

  /** How often it has been told; what was arranged for an earlier time does not count any more. */
  int tellings;

  /** How often it was told and did not come, since it last asked. */
  int missed;

  private State state = State.WAITING;

  LockWaiter(
      OpenState open, LockOwner4 owner, LockRange range, boolean exclusive, long askedAtNanos) {
    this.open = open;
    this.owner = owner;
    this.range = range;
    this.exclusive = exclusive;
    this.askedAtNanos = askedAtNanos;
  }

  State state() {
    return state;
  }

  /** The one place where it changes state. */
  void become(State to) {
    boolean legal =
        switch (state) {
          case WAITING -> to == State.TOLD || to == State.GONE;
          case TOLD -> to == State.WAITING || to == State.GONE;
          case GONE -> false;
        };
    if (!legal) {
      throw new IllegalStateException("waiter for " + range + " from " + state + " to " + to);
    }
    state = to;
    tellings += to == State.TOLD ? 1 : 0;
  }

  /** Whether both cannot have what they want. */
  boolean isInTheWayOf(LockRange other, boolean otherExclusive, LockOwner4 otherOwner) {
    return (exclusive || otherExclusive) && !owner.equals(otherOwner) && range.overlaps(other);
  }
}
