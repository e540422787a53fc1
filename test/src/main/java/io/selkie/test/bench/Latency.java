package io.selkie.test.bench;

import java.util.LinkedHashMap;
import java.util.Map;
import org.HdrHistogram.Histogram;

/** Latencies of one kind of operation: percentiles a round, and over all rounds together. */
final class Latency {

  private static final long NANOS_MAX = 60_000_000_000L;

  private final Series p50 = new Series("p50_us");
  private final Series p99 = new Series("p99_us");
  private final Histogram all = new Histogram(NANOS_MAX, 3);

  /** Takes one round's histogram of nanoseconds. */
  void add(Histogram round) {
    p50.add(round.getValueAtPercentile(50) / 1e3);
    p99.add(round.getValueAtPercentile(99) / 1e3);
    all.add(round);
  }

  /** A histogram to fill. */
  static Histogram histogram() {
    return new Histogram(NANOS_MAX, 3);
  }

  /** Records a latency; one longer than any bound counts as that bound. */
  static void record(Histogram histogram, long nanos) {
    histogram.recordValue(Math.min(Math.max(nanos, 0), NANOS_MAX));
  }

  Series p50() {
    return p50;
  }

  Series p99() {
    return p99;
  }

  Map<String, Object> toJson() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("operations", all.getTotalCount());
    json.put("p50_us", p50.toJson());
    json.put("p99_us", p99.toJson());
    json.put("all_p50_us", all.getValueAtPercentile(50) / 1e3);
    json.put("all_p90_us", all.getValueAtPercentile(90) / 1e3);
    json.put("all_p99_us", all.getValueAtPercentile(99) / 1e3);
    json.put("all_p999_us", all.getValueAtPercentile(99.9) / 1e3);
    json.put("all_max_us", all.getMaxValue() / 1e3);
    json.put("all_min_us", all.getMinValue() / 1e3);
    return json;
  }
}
