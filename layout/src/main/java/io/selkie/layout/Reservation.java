package io.selkie.layout;

import io.selkie.lease.ByteRange;

/**
 * Somebody was told to come back, and until this expires no new grant may stand in its way: without
 * it a busy file would starve whoever retries. Guarded by its file's lock.
 *
 * @param change what will be retried; null for a read-write LAYOUTGET
 * @param order reservations are served in the order in which they were first made
 */
record Reservation(
    FileChange change, ByteRange range, long clientId, long expiresAtNanos, long order) {

  Reservation until(long nanos) {
    return new Reservation(change, range, clientId, nanos, order);
  }

  boolean isOf(FileChange otherChange, ByteRange otherRange, long otherClientId) {
    return change == otherChange && clientId == otherClientId && range.overlaps(otherRange);
  }

  /** Whether a grant of somebody must wait for it. */
  boolean blocks(long byClientId, boolean readWrite, ByteRange wanted) {
    if (!range.overlaps(wanted)) {
      return false;
    }
    if (change == null) {
      // A read layout might bring back the holes that stood in the way; another writer does not.
      return byClientId != clientId && !readWrite;
    }
    return switch (change) {
      case READ, OPEN_READ, OPEN_WRITE, METADATA -> false;
      case READ_STORED -> readWrite;
      case WRITE, CONFLICTING_OPEN -> byClientId != clientId;
      case SHRINK, PUNCH, REMAP, SHARE, ACCESS_CHANGE, REOPEN -> true;
    };
  }
}
