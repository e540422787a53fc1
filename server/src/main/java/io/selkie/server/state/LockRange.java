package io.selkie.server.state;

import io.selkie.posix.FileLock;
import io.selkie.protocol.nfs4.LockConst4;
import java.util.Optional;

/**
 * Bytes of a file, at least one. Numbers are unsigned.
 *
 * @param first byte
 * @param last byte, inclusive; all ones is the end of any file
 */
record LockRange(long first, long last) {

  /** Everything. */
  static final LockRange ALL = new LockRange(0, -1L);

  LockRange {
    if (Long.compareUnsigned(first, last) > 0) {
      throw new IllegalArgumentException(
          "from " + Long.toUnsignedString(first) + " to " + Long.toUnsignedString(last));
    }
  }

  /**
   * As a request says it (RFC 8881 section 18.10.3).
   *
   * @return empty for NFS4ERR_INVAL: no byte, or beyond what 64 bits can say
   */
  static Optional<LockRange> of(long offset, long length) {
    if (length == LockConst4.TO_END_OF_FILE) {
      return Optional.of(new LockRange(offset, -1L));
    }
    return length == 0 || Long.compareUnsigned(length, -1L - offset) > 0
        ? Optional.empty()
        : Optional.of(new LockRange(offset, offset + length - 1));
  }

  /** As the kernel says it. */
  static LockRange of(FileLock lock) {
    return new LockRange(lock.start(), lock.length() == 0 ? -1L : lock.start() + lock.length() - 1);
  }

  /** As an answer says it. */
  long length() {
    return last == -1L ? LockConst4.TO_END_OF_FILE : last - first + 1;
  }

  boolean overlaps(LockRange other) {
    return Long.compareUnsigned(first, other.last) <= 0
        && Long.compareUnsigned(other.first, last) <= 0;
  }

  /** Whether the other one begins where this one ends. */
  boolean meets(LockRange other) {
    return last != -1L && last + 1 == other.first;
  }

  /** Whether the kernel knows any of these bytes: its offsets are signed. */
  boolean isKnownToKernel() {
    return first >= 0;
  }

  /** How many bytes they are for the kernel; 0 is to the end of any file. */
  long kernelLength() {
    return last < 0 || last == Long.MAX_VALUE ? 0 : last - first + 1;
  }

  @Override
  public String toString() {
    return "[%s, %s]".formatted(Long.toUnsignedString(first), Long.toUnsignedString(last));
  }
}
