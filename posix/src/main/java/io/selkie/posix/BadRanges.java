package io.selkie.posix;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Byte ranges of a device that cannot be read. Immutable; for a device without any, {@link #NONE},
 * a look costs nothing.
 */
public final class BadRanges {
  /** All is well. */
  public static final BadRanges NONE = new BadRanges(new long[0], new long[0]);

  private final long[] starts;
  private final long[] ends;

  private BadRanges(long[] starts, long[] ends) {
    this.starts = starts;
    this.ends = ends;
  }

  /**
   * Of ranges in any order.
   *
   * @param ranges each a first byte and the byte after the last
   */
  public static BadRanges of(List<long[]> ranges) {
    if (ranges.isEmpty()) {
      return NONE;
    }
    List<long[]> sorted = ranges.stream().sorted(Comparator.comparingLong(r -> r[0])).toList();
    long[] starts = new long[sorted.size()];
    long[] ends = new long[sorted.size()];
    int count = 0;
    for (long[] range : sorted) {
      if (count > 0 && range[0] <= ends[count - 1]) {
        ends[count - 1] = Math.max(ends[count - 1], range[1]);
      } else {
        starts[count] = range[0];
        ends[count++] = range[1];
      }
    }
    return new BadRanges(Arrays.copyOf(starts, count), Arrays.copyOf(ends, count));
  }

  /** How many there are, neighbours counted as one. */
  public int count() {
    return starts.length;
  }

  /** First byte of one of them. */
  public long start(int index) {
    return starts[index];
  }

  /** The byte after its last. */
  public long end(int index) {
    return ends[index];
  }

  /** Whether one of them has a byte in {@code [from, end)}. Allocates nothing. */
  public boolean overlap(long from, long end) {
    for (int i = 0; i < starts.length; i++) {
      if (starts[i] < end && from < ends[i]) {
        return true;
      }
    }
    return false;
  }

  /** Whether every byte of these is among those of another. */
  public boolean isWithin(BadRanges other) {
    for (int i = 0; i < starts.length; i++) {
      boolean inside = false;
      for (int j = 0; j < other.starts.length && !inside; j++) {
        inside = other.starts[j] <= starts[i] && ends[i] <= other.ends[j];
      }
      if (!inside) {
        return false;
      }
    }
    return true;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof BadRanges ranges
        && Arrays.equals(starts, ranges.starts)
        && Arrays.equals(ends, ranges.ends);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(starts) + Arrays.hashCode(ends);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < starts.length; i++) {
      text.append(i == 0 ? "" : ", ").append(starts[i]).append('+').append(ends[i] - starts[i]);
    }
    return text.isEmpty() ? "none" : text.toString();
  }
}
