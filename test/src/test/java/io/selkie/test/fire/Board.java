package io.selkie.test.fire;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * What all processes under fire know, in a file that all have mapped: grants are numbered in the
 * order in which they were received, and for each file it says which of them are over.
 *
 * <pre>
 *     0   stop (0 or 1)                                8 bytes
 *     8   number of the next grant                     8
 *    16   counters, one of each {@link Count}          8 each
 *   512   of each file, the least grant not over yet   8 each
 *  4096   of each grant, the number of its file        1 each
 * </pre>
 *
 * <p>A client draws a number after it was told of a grant. So a number that was drawn before
 * something began that ends all grants of the file is of a grant that it ends.
 */
final class Board implements AutoCloseable {

  /** What clients count. */
  enum Count {
    SESSIONS(0),
    SESSIONS_LOST(1),
    GRANTS(2),
    GRANTS_REFUSED(3),
    BURSTS_PLACED(4),
    QUEUE_PAIRS_BROKEN(5),
    RETURNS(6),
    RETURNS_UNDER_FIRE(7),
    DEAD_KEYS_TRIED(8),
    DEAD_KEYS_REFUSED(9),
    PLACED_AFTER_THE_END(10);

    private final int place;

    Count(int place) {
      this.place = place;
    }
  }

  static final int FILES_MAX = 128;

  private static final int GRANTS_MAX = 1 << 20;
  private static final long NEXT = 8;
  private static final long COUNTS = 16;
  private static final long OVER = 512;
  private static final long FILE_OF = 4096;
  private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

  private final Arena arena = Arena.ofShared();
  private final MemorySegment memory;

  private Board(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, FILE_OF + GRANTS_MAX, arena);
    }
  }

  static Board open(Path file) throws IOException {
    return new Board(file);
  }

  private long get(long at) {
    return (long) LONG.getVolatile(memory, at);
  }

  boolean isStopped() {
    return get(0) != 0;
  }

  void stop() {
    LONG.setVolatile(memory, 0L, 1L);
  }

  /** A number for a grant that was received. */
  int drawGrant(int file) {
    int number = (int) (long) LONG.getAndAdd(memory, NEXT, 1L);
    if (number >= GRANTS_MAX) {
      throw new IllegalStateException("more than " + GRANTS_MAX + " grants");
    }
    memory.set(ValueLayout.JAVA_BYTE, FILE_OF + number, (byte) file);
    return number;
  }

  /** All numbers drawn so far are less. */
  int grants() {
    return (int) get(NEXT);
  }

  int fileOf(int grant) {
    return memory.get(ValueLayout.JAVA_BYTE, FILE_OF + grant);
  }

  /** Grants of a file with a lesser number are over: not one byte of them may land. */
  void setOver(int file, int grant) {
    long at = OVER + 8L * file;
    for (long now = get(at); now < grant; now = get(at)) {
      if (LONG.compareAndSet(memory, at, now, (long) grant)) {
        return;
      }
    }
  }

  boolean isOver(int file, int grant) {
    return grant < get(OVER + 8L * file);
  }

  void add(Count what) {
    long _ = (long) LONG.getAndAdd(memory, COUNTS + 8L * what.place, 1L);
  }

  long get(Count what) {
    return get(COUNTS + 8L * what.place);
  }

  @Override
  public void close() {
    arena.close();
  }
}
