package io.selkie.server.state;

import io.selkie.protocol.nfs4.LockOwner4;

/** Bytes of a file locked by one owner through one open; a node of {@link LockTree} as well. */
final class ByteLock {

  final LockState state;
  final LockRange range;
  final boolean exclusive;

  // Of the tree.
  ByteLock left;
  ByteLock right;
  int height;
  long serial;
  long lastOfAll;

  ByteLock(LockState state, LockRange range, boolean exclusive) {
    this.state = state;
    this.range = range;
    this.exclusive = exclusive;
  }

  LockOwner4 owner() {
    return state.owner();
  }

  /** The same lock of other bytes. */
  ByteLock of(long first, long last) {
    return new ByteLock(state, new LockRange(first, last), exclusive);
  }

  /** Whether both could be one, were they neighbours. */
  boolean isLike(ByteLock other) {
    return state == other.state && exclusive == other.exclusive;
  }

  @Override
  public String toString() {
    return (exclusive ? "exclusive " : "shared ") + range + " of " + owner();
  }
}
