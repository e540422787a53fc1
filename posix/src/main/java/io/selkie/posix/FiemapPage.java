package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One page of a block map, in the form the kernel writes it: {@code struct fiemap} with its
 * extents. Mutable, to be reused; not for several threads.
 *
 * <pre>
 *        0        8        16       20       24       28       32
 * header | start  | length | flags  | mapped | count  | unused |
 *
 *        0         8          16       24           40      44        56
 * extent | logical | physical | length | reserved   | flags | reserved |   × capacity
 * </pre>
 */
public final class FiemapPage {
  static final long HEADER_BYTES = 32;
  static final long EXTENT_BYTES = 56;
  private static final int CAPACITY_MAX = 1 << 16;

  private final MemorySegment memory;
  private final int capacity;
  private int count;

  /**
   * An empty page.
   *
   * @param capacity most extents it can take, 1 to 65536
   */
  public FiemapPage(int capacity) {
    if (capacity < 1 || capacity > CAPACITY_MAX) {
      throw new IllegalArgumentException("capacity " + capacity);
    }
    this.capacity = capacity;
    this.memory = Arena.ofAuto().allocate(HEADER_BYTES + capacity * EXTENT_BYTES, 8);
  }

  /** Most extents it can take. */
  public int capacity() {
    return capacity;
  }

  /** Extents in it. */
  public int count() {
    return count;
  }

  /** File offset of an extent, in bytes. */
  public long logical(int index) {
    return memory.get(JAVA_LONG, at(index));
  }

  /** Device offset of an extent, in bytes; meaningless when its flags say so. */
  public long physical(int index) {
    return memory.get(JAVA_LONG, at(index) + 8);
  }

  /** Length of an extent, in bytes. */
  public long length(int index) {
    return memory.get(JAVA_LONG, at(index) + 16);
  }

  /** Every flag of an extent as the kernel gave it, {@link FiemapFlags}. */
  public int flags(int index) {
    return memory.get(JAVA_INT, at(index) + 40);
  }

  /** Whether the file has no extent after those in this page. */
  public boolean isLast() {
    return count == 0 || (flags(count - 1) & FiemapFlags.LAST) != 0;
  }

  /** Empties it. */
  public void clear() {
    count = 0;
  }

  /**
   * Adds an extent; for kernels that are none.
   *
   * @throws IllegalStateException when it is full
   */
  public void add(long logical, long physical, long length, int flags) {
    if (count == capacity) {
      throw new IllegalStateException("page is full with " + capacity + " extents");
    }
    long at = HEADER_BYTES + count++ * EXTENT_BYTES;
    memory.asSlice(at, EXTENT_BYTES).fill((byte) 0);
    memory.set(JAVA_LONG, at, logical);
    memory.set(JAVA_LONG, at + 8, physical);
    memory.set(JAVA_LONG, at + 16, length);
    memory.set(JAVA_INT, at + 40, flags);
  }

  /** Writes the request into the header and answers its address. */
  long prepare(long start, long length, int flags) {
    count = 0;
    memory.set(JAVA_LONG, 0, start);
    memory.set(JAVA_LONG, 8, length);
    memory.set(JAVA_INT, 16, flags);
    memory.set(JAVA_INT, 20, 0);
    memory.set(JAVA_INT, 24, capacity);
    memory.set(JAVA_INT, 28, 0);
    return memory.address();
  }

  /** Takes the number of extents that the kernel stored. */
  int complete() {
    count = Math.min(memory.get(JAVA_INT, 20), capacity);
    return count;
  }

  private long at(int index) {
    if (index < 0 || index >= count) {
      throw new IndexOutOfBoundsException(index);
    }
    return HEADER_BYTES + index * EXTENT_BYTES;
  }
}
