package io.selkie.server.metrics;

import com.codahale.metrics.Reservoir;
import com.codahale.metrics.SlidingWindowReservoir;
import com.codahale.metrics.Snapshot;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.LongStream;

/**
 * A distribution of times: the most recent values for quantiles, and all since the start counted by
 * size, which is what can be added up over time and servers. Safe for use by several threads.
 */
public final class Distribution implements Reservoir {

  private static final long MICRO = 1_000;
  private static final long MILLI = 1_000_000;
  private static final long SECOND = 1_000_000_000;

  /** From where a handle is dead at once to where the kernel takes a lease. */
  private static final long[] UPPER_NANOS = {
    10 * MICRO,
    25 * MICRO,
    50 * MICRO,
    100 * MICRO,
    250 * MICRO,
    500 * MICRO,
    MILLI,
    2_500 * MICRO,
    5 * MILLI,
    10 * MILLI,
    25 * MILLI,
    50 * MILLI,
    100 * MILLI,
    250 * MILLI,
    500 * MILLI,
    SECOND,
    2_500 * MILLI,
    5 * SECOND,
    10 * SECOND,
    25 * SECOND,
    45 * SECOND
  };

  /** Of what has no values yet. */
  static final Counts NONE =
      new Counts(uppers(), Collections.nCopies(UPPER_NANOS.length + 1, 0L), 0, 0);

  private final Reservoir recent;
  private final LongAdder[] counts = new LongAdder[UPPER_NANOS.length + 1];
  private final LongAdder sum = new LongAdder();

  /**
   * How many values of which size there were.
   *
   * @param upperNanos upper bounds, the bound itself included, in order
   * @param counts of the values up to each bound and above the one before it, and last of those
   *     above all; one more than bounds
   * @param count of all values
   * @param sumNanos of all values
   */
  public record Counts(List<Long> upperNanos, List<Long> counts, long count, long sumNanos) {
    /** Copies the lists. */
    public Counts {
      upperNanos = List.copyOf(upperNanos);
      counts = List.copyOf(counts);
    }
  }

  Distribution(int recentValues) {
    recent = new SlidingWindowReservoir(recentValues);
    Arrays.setAll(counts, _ -> new LongAdder());
  }

  private static List<Long> uppers() {
    return LongStream.of(UPPER_NANOS).boxed().toList();
  }

  @Override
  public int size() {
    return recent.size();
  }

  @Override
  public void update(long nanos) {
    int place = Arrays.binarySearch(UPPER_NANOS, nanos);
    counts[place >= 0 ? place : -place - 1].increment();
    sum.add(nanos);
    recent.update(nanos);
  }

  @Override
  public Snapshot getSnapshot() {
    return recent.getSnapshot();
  }

  Counts counts() {
    List<Long> each = Arrays.stream(counts).map(LongAdder::sum).toList();
    return new Counts(uppers(), each, each.stream().mapToLong(Long::longValue).sum(), sum.sum());
  }
}
