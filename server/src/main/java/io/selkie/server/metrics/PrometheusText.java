package io.selkie.server.metrics;

import com.codahale.metrics.Counter;
import com.codahale.metrics.Gauge;
import io.prometheus.metrics.expositionformats.ExpositionFormatWriter;
import io.prometheus.metrics.expositionformats.OpenMetricsTextFormatWriter;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.CounterSnapshot.CounterDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Exemplars;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot.HistogramDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot.InfoDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The server's metrics in the text formats of Prometheus. The names are those of {@link Metric},
 * but times are in seconds: {@code selkie_recall_nanos} is {@code selkie_recall_seconds} here. What
 * ends in {@code _total} only ever grows. Safe for use by several threads; nothing in it blocks.
 */
public final class PrometheusText {

  private static final String NANOS = "_nanos";
  private static final String TOTAL = "_total";
  private static final double NANOS_PER_SECOND = 1e9;

  private final ServerMetrics metrics;
  private final String version;
  private final double startedAtSeconds;
  private final ExpositionFormatWriter text =
      PrometheusTextFormatWriter.builder().setIncludeCreatedTimestamps(false).build();
  private final ExpositionFormatWriter openMetrics =
      OpenMetricsTextFormatWriter.builder()
          .setCreatedTimestampsEnabled(false)
          .setExemplarsOnAllMetricTypesEnabled(false)
          .build();

  /** Labels by the name of a part, which never changes; there are as many as in the registry. */
  private final ConcurrentHashMap<String, Labels> labels = new ConcurrentHashMap<>();

  /** What a scraper is answered. */
  @SuppressWarnings("ArrayRecordComponent") // Read once, never compared.
  public record Scrape(String contentType, byte[] body) {}

  /**
   * Of a server.
   *
   * @param startedAtSeconds since 1970
   */
  public PrometheusText(ServerMetrics metrics, String version, double startedAtSeconds) {
    this.metrics = metrics;
    this.version = version;
    this.startedAtSeconds = startedAtSeconds;
  }

  /**
   * All metrics as they are now.
   *
   * @param accept what the scraper says it takes, as in the header of HTTP
   */
  public Scrape scrape(String accept) {
    ExpositionFormatWriter writer =
        accept.contains("application/openmetrics-text") ? openMetrics : text;
    ByteArrayOutputStream out = new ByteArrayOutputStream(16_384);
    try {
      writer.write(out, snapshots());
    } catch (IOException e) {
      throw new UncheckedIOException("writing into memory", e);
    }
    return new Scrape(writer.getContentType(), out.toByteArray());
  }

  private MetricSnapshots snapshots() {
    Map<String, List<Map.Entry<String, Double>>> values = new HashMap<>();
    metrics.registry().getCounters().forEach((name, counter) -> add(values, name, value(counter)));
    metrics.registry().getGauges().forEach((name, gauge) -> add(values, name, value(gauge)));
    MetricSnapshots.Builder all = MetricSnapshots.builder();
    for (Metric metric : Metric.values()) {
      if (metric.kind() == Metric.Kind.HISTOGRAM) {
        all.metricSnapshot(histogram(metric));
      } else if (metric.id().endsWith(TOTAL)) {
        all.metricSnapshot(counter(metric, values.getOrDefault(metric.id(), List.of())));
      } else {
        all.metricSnapshot(gauge(metric, values.getOrDefault(metric.id(), List.of())));
      }
    }
    process(all);
    return all.build();
  }

  private static void add(
      Map<String, List<Map.Entry<String, Double>>> values, String name, double value) {
    int brace = name.indexOf('{');
    String id = brace < 0 ? name : name.substring(0, brace);
    values.computeIfAbsent(id, _ -> new ArrayList<>()).add(Map.entry(name, value));
  }

  private static double value(Counter counter) {
    return counter.getCount();
  }

  private static double value(Gauge<?> gauge) {
    return gauge.getValue() instanceof Number number ? number.doubleValue() : Double.NaN;
  }

  private CounterSnapshot counter(Metric metric, Collection<Map.Entry<String, Double>> parts) {
    CounterSnapshot.Builder builder =
        CounterSnapshot.builder()
            .name(metric.id().substring(0, metric.id().length() - TOTAL.length()))
            .help(metric.doc());
    for (Map.Entry<String, Double> part : parts) {
      builder.dataPoint(
          new CounterDataPointSnapshot(part.getValue(), labels(part.getKey()), null, 0));
    }
    return builder.build();
  }

  private GaugeSnapshot gauge(Metric metric, Collection<Map.Entry<String, Double>> parts) {
    GaugeSnapshot.Builder builder = GaugeSnapshot.builder().name(metric.id()).help(metric.doc());
    for (Map.Entry<String, Double> part : parts) {
      builder.dataPoint(new GaugeDataPointSnapshot(part.getValue(), labels(part.getKey()), null));
    }
    return builder.build();
  }

  private HistogramSnapshot histogram(Metric metric) {
    Distribution.Counts counts = metrics.distribution(metric);
    List<Double> uppers = new ArrayList<>();
    counts.upperNanos().forEach(nanos -> uppers.add(nanos / NANOS_PER_SECOND));
    uppers.add(Double.POSITIVE_INFINITY);
    return HistogramSnapshot.builder()
        .name(metric.id().replace(NANOS, "_seconds"))
        .help(metric.doc())
        .dataPoint(
            new HistogramDataPointSnapshot(
                ClassicHistogramBuckets.of(uppers, counts.counts()),
                counts.sumNanos() / NANOS_PER_SECOND,
                Labels.EMPTY,
                Exemplars.EMPTY,
                0))
        .build();
  }

  /** The labels of {@code id{label="value",…}}, as {@link Metric#id(String...)} writes them. */
  private Labels labels(String name) {
    int brace = name.indexOf('{');
    if (brace < 0) {
      return Labels.EMPTY;
    }
    return labels.computeIfAbsent(
        name,
        _ -> {
          List<String> names = new ArrayList<>();
          List<String> values = new ArrayList<>();
          int at = brace + 1;
          while (at < name.length() - 1) {
            int equals = name.indexOf('=', at);
            int end = name.indexOf('"', equals + 2);
            names.add(name.substring(at, equals));
            values.add(name.substring(equals + 2, end));
            at = end + 2;
          }
          return Labels.of(names, values);
        });
  }

  private void process(MetricSnapshots.Builder all) {
    all.metricSnapshot(
        InfoSnapshot.builder()
            .name(Metric.PREFIX + "build")
            .help("which server this is")
            .dataPoint(
                new InfoDataPointSnapshot(
                    Labels.of("version", version, "java", Runtime.version().toString())))
            .build());
    all.metricSnapshot(
        one("start_time_seconds", "when the server was started, since 1970", startedAtSeconds));
    Runtime runtime = Runtime.getRuntime();
    all.metricSnapshot(
        one(
            "heap_used_bytes",
            "Java heap in use, garbage included",
            (double) (runtime.totalMemory() - runtime.freeMemory())));
    all.metricSnapshot(
        one("heap_max_bytes", "most Java heap there can be", (double) runtime.maxMemory()));
    if (ManagementFactory.getOperatingSystemMXBean()
        instanceof com.sun.management.OperatingSystemMXBean system) {
      all.metricSnapshot(
          CounterSnapshot.builder()
              .name(Metric.PREFIX + "process_cpu_seconds")
              .help("processor time used by the server")
              .dataPoint(
                  new CounterDataPointSnapshot(
                      Math.max(0, system.getProcessCpuTime()) / NANOS_PER_SECOND,
                      Labels.EMPTY,
                      null,
                      0))
              .build());
    }
  }

  private static GaugeSnapshot one(String name, String help, double value) {
    return GaugeSnapshot.builder()
        .name(Metric.PREFIX + name)
        .help(help)
        .dataPoint(new GaugeDataPointSnapshot(value, Labels.EMPTY, null))
        .build();
  }
}
