package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;

/**
 * A byte-range lock as the kernel knows it, asked about and answered by {@link Kernel#getFileLock}.
 * Can be used again and again; for one thread at a time.
 *
 * <pre>
 *    0        2        4        8                16               24       28       32
 *   +--------+--------+--------+----------------+----------------+--------+--------+
 *   | type   | whence | -      | start          | length         | pid    | -      |  struct flock
 *   +--------+--------+--------+----------------+----------------+--------+--------+
 * </pre>
 */
public final class FileLock {
  /** Size of {@code struct flock} where offsets have 64 bits. */
  static final int BYTES = 32;

  private FileLockType type = FileLockType.NONE;
  private long start;
  private long length;
  private int pid;

  /**
   * Says which lock is meant.
   *
   * @param newStart first byte, not negative
   * @param newLength bytes; 0 is to the end of any file
   */
  public void set(FileLockType newType, long newStart, long newLength) {
    type = newType;
    start = newStart;
    length = newLength;
    pid = 0;
  }

  /** NONE when nobody holds a lock that conflicts. */
  public FileLockType type() {
    return type;
  }

  /** First byte. */
  public long start() {
    return start;
  }

  /** Bytes; 0 is to the end of any file. */
  public long length() {
    return length;
  }

  /** The process that holds it; -1 when an open file description holds it, as ours do. */
  public int pid() {
    return pid;
  }

  static void encode(MemorySegment flock, FileLockType type, long start, long length) {
    // Whence is SEEK_SET; the process must be 0 for locks of open file descriptions.
    flock.asSlice(0, BYTES).fill((byte) 0);
    flock.set(JAVA_SHORT, 0, (short) type.number());
    flock.set(JAVA_LONG, 8, start);
    flock.set(JAVA_LONG, 16, length);
  }

  void decode(MemorySegment flock) {
    set(
        FileLockType.of(flock.get(JAVA_SHORT, 0)),
        flock.get(JAVA_LONG, 8),
        flock.get(JAVA_LONG, 16));
    pid = flock.get(JAVA_INT, 24);
  }

  @Override
  public String toString() {
    return "%s lock of %d bytes at %d, process %d".formatted(type, length, start, pid);
  }
}
