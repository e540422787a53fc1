package io.selkie.test.bench;

import io.selkie.test.bench.BenchReport.Bound;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.HdrHistogram.Histogram;

/**
 * Latency and throughput of every way to the data, against the echo. In each round each way has its
 * turn, in an order that rotates, so that no way always comes after the same one.
 */
final class DataRounds {

  static final int SMALL_BYTES = 4096;
  static final int LARGE_BYTES = 1 << 20;
  static final int REQUEST_BYTES = 64;

  /** How the data is reached. */
  enum Way {
    ECHO,
    DIRECT,
    DIRECT_BUSY,
    NFS
  }

  /** How much to do. */
  record Amount(int rounds, int warmUps, int smallOperations, int largeOperations, int inFlight) {}

  private final Meter meter;
  private final Amount amount;
  private final Map<Way, DataFile> files;
  private final InetSocketAddress echo;
  private final Consumer<String> progress;
  private final Map<String, Latency> latencies = new LinkedHashMap<>();
  private final Map<String, Series> rates = new LinkedHashMap<>();

  DataRounds(
      Meter meter,
      Amount amount,
      Map<Way, DataFile> files,
      InetSocketAddress echo,
      Consumer<String> progress) {
    this.meter = meter;
    this.amount = amount;
    this.files = files;
    this.echo = echo;
    this.progress = progress;
  }

  void run(BenchReport report) throws Exception {
    try (Echo reads = new Echo(echo, REQUEST_BYTES, SMALL_BYTES);
        Echo writes = new Echo(echo, SMALL_BYTES, REQUEST_BYTES);
        Echo bulkReads = new Echo(echo, REQUEST_BYTES, LARGE_BYTES);
        Echo bulkWrites = new Echo(echo, LARGE_BYTES, REQUEST_BYTES)) {
      progress.accept("warming up");
      for (Way way : ways()) {
        small(way, reads, false, amount.warmUps());
        small(way, writes, true, amount.warmUps());
        large(way, bulkReads, false, amount.largeOperations());
        large(way, bulkWrites, true, amount.largeOperations());
      }
      for (int round = 0; round < amount.rounds(); round++) {
        progress.accept("round " + (round + 1) + " of " + amount.rounds());
        Way[] ways = ways();
        for (int i = 0; i < ways.length; i++) {
          Way way = ways[(i + round) % ways.length];
          latency(way, "read").add(small(way, reads, false, amount.smallOperations()));
          latency(way, "write").add(small(way, writes, true, amount.smallOperations()));
        }
        for (int i = 0; i < ways.length; i++) {
          Way way = ways[(i + round) % ways.length];
          if (way != Way.DIRECT_BUSY) {
            rate(way, "read").add(large(way, bulkReads, false, amount.largeOperations()));
            rate(way, "write").add(large(way, bulkWrites, true, amount.largeOperations()));
          }
        }
      }
    }
    tell(report);
  }

  private Way[] ways() {
    return Arrays.stream(Way.values())
        .filter(way -> way == Way.ECHO || files.containsKey(way))
        .toArray(Way[]::new);
  }

  private Histogram small(Way way, Echo echoOf, boolean write, int count) throws Exception {
    if (way == Way.ECHO) {
      return meter.latencies(count, echoOf::roundTrip);
    }
    DataFile file = files.get(way);
    return write
        ? meter.latencies(count, () -> file.write(0))
        : meter.latencies(count, () -> file.read(0));
  }

  /** Bytes a second. */
  private double large(Way way, Echo echoOf, boolean write, int count) throws Exception {
    int inFlight = amount.inFlight();
    DataFile file = files.get(way);
    long nanos =
        way == Way.ECHO
            ? meter.nanos(() -> echoOf.bulk(count, inFlight))
            : write
                ? meter.nanos(() -> file.bulkWrite(count, LARGE_BYTES, inFlight))
                : meter.nanos(() -> file.bulkRead(count, LARGE_BYTES, inFlight));
    return (double) count * LARGE_BYTES / nanos * 1e9;
  }

  private Latency latency(Way way, String direction) {
    return latencies.computeIfAbsent(key(way, direction, "4k"), key -> new Latency());
  }

  private Series rate(Way way, String direction) {
    return rates.computeIfAbsent(key(way, direction, "1m"), Series::new);
  }

  private static String key(Way way, String direction, String size) {
    String busy = way == Way.DIRECT_BUSY ? "_busy" : "";
    String name = way == Way.DIRECT_BUSY ? "direct" : way.name().toLowerCase(Locale.ROOT);
    return name + "_" + direction + "_" + size + busy;
  }

  private void tell(BenchReport report) {
    for (String direction : new String[] {"read", "write"}) {
      Latency echoOf = latency(Way.ECHO, direction);
      for (Way way : ways()) {
        Latency of = latency(way, direction);
        String key = key(way, direction, "4k");
        String text = text(way) + " 4 KiB " + direction;
        report.figure(key + "_p50_us", text + " p50, µs", of.p50().median());
        report.figure(key + "_p99_us", text + " p99, µs", of.p99().median());
        if (way != Way.ECHO) {
          ratio(
              report,
              key + "_vs_echo_p50",
              text + " p50 × echo",
              Series.ratio(of.p50(), echoOf.p50()));
        }
      }
    }
    for (String direction : new String[] {"read", "write"}) {
      Series echoOf = rate(Way.ECHO, direction);
      for (Way way : ways()) {
        if (way == Way.DIRECT_BUSY) {
          continue;
        }
        Series of = rate(way, direction);
        String key = key(way, direction, "1m");
        String text = text(way) + " 1 MiB " + direction;
        report.figure(key + "_mib_per_s", text + ", MiB/s", of.median() / (1 << 20));
        if (way != Way.ECHO) {
          ratio(report, key + "_vs_echo", text + " × echo", Series.ratio(of, echoOf));
        }
      }
    }
    Map<String, Object> raw = new LinkedHashMap<>();
    latencies.forEach((key, latency) -> raw.put(key, latency.toJson()));
    rates.forEach((key, rate) -> raw.put(key + "_bytes_per_s", rate.toJson()));
    report.raw("data", raw);
  }

  private static void ratio(BenchReport report, String key, String text, double value) {
    switch (key) {
      case "direct_read_4k_vs_echo_p50" -> report.figure(key, text, value, Bound.AT_MOST, 1.5);
      case "direct_read_4k_busy_vs_echo_p50" -> report.figure(key, text, value, Bound.BELOW, 1);
      case "direct_read_1m_vs_echo", "direct_write_1m_vs_echo" ->
          report.figure(key, text, value, Bound.AT_LEAST, 0.7);
      default -> report.figure(key, text, value);
    }
  }

  private static String text(Way way) {
    return switch (way) {
      case ECHO -> "echo";
      case DIRECT -> "direct";
      case DIRECT_BUSY -> "direct, spinning,";
      case NFS -> "NFS";
    };
  }
}
