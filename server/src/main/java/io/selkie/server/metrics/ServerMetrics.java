package io.selkie.server.metrics;

import com.codahale.metrics.Counter;
import com.codahale.metrics.Gauge;
import com.codahale.metrics.Histogram;
import com.codahale.metrics.MetricRegistry;
import com.codahale.metrics.Snapshot;
import io.selkie.layout.LayoutEvents;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.trace.EventRing;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.LongSupplier;

/**
 * The server's metrics in a Dropwizard registry, and its recent layout events. Safe for use by
 * several threads. Counting an NFS operation allocates nothing once its kind and status were seen.
 */
public final class ServerMetrics implements LayoutEvents {

  private static final int HISTOGRAM_VALUES = 4096;
  private static final int LOW_STATUS_MAX = 70;
  private static final int HIGH_STATUS_MIN = 10001;
  private static final int STATUSES = LOW_STATUS_MAX + 1 + 100;
  private static final int OPERATIONS = NfsOp4.OP_REMOVEXATTR + 1;

  private final MetricRegistry registry;
  private final AtomicReferenceArray<Counter> operations =
      new AtomicReferenceArray<>(OPERATIONS * STATUSES);
  private final ConcurrentHashMap<String, Distribution> distributions = new ConcurrentHashMap<>();
  private final Counter readBytes;
  private final Counter writeBytes;
  private final LayoutCounters layouts;
  private final EventRing events = new EventRing(EventRing.EVENTS_KEPT);
  private final CopyOnWriteArrayList<LayoutEvents> listeners = new CopyOnWriteArrayList<>();

  /** Counts into a registry of its own. */
  public ServerMetrics() {
    this(new MetricRegistry());
  }

  /** Counts into a registry. */
  public ServerMetrics(MetricRegistry registry) {
    this.registry = registry;
    this.readBytes = counter(Metric.NFS_READ_BYTES);
    this.writeBytes = counter(Metric.NFS_WRITE_BYTES);
    this.layouts = new LayoutCounters(this);
  }

  /** For exporters. */
  public MetricRegistry registry() {
    return registry;
  }

  /** The counter of a metric, or of one part of it. */
  public Counter counter(Metric metric, String... labels) {
    require(metric, Metric.Kind.COUNTER);
    return registry.counter(metric.id(labels));
  }

  /** The histogram of a metric: its most recent {@value #HISTOGRAM_VALUES} values. */
  public Histogram histogram(Metric metric) {
    require(metric, Metric.Kind.HISTOGRAM);
    return registry.histogram(
        metric.id(),
        () ->
            new Histogram(
                distributions.computeIfAbsent(
                    metric.id(), _ -> new Distribution(HISTOGRAM_VALUES))));
  }

  /** All values of a histogram since the start, by size; empty before the first. */
  public Distribution.Counts distribution(Metric metric) {
    require(metric, Metric.Kind.HISTOGRAM);
    Distribution found = distributions.get(metric.id());
    return found == null ? Distribution.NONE : found.counts();
  }

  /** Says where a metric's value is to be asked for; it must not block. */
  public void gauge(Metric metric, LongSupplier value, String... labels) {
    require(metric, Metric.Kind.GAUGE);
    registry.gauge(metric.id(labels), () -> value::getAsLong);
  }

  /** Counts an NFS operation. */
  public void operation(int opcode, int status) {
    int slot = (inRange(opcode) ? opcode : 0) * STATUSES + statusIndex(status);
    Counter counter = operations.get(slot);
    if (counter == null) {
      counter = counter(Metric.NFS_OPERATIONS, operationName(opcode), NfsStat4.name(status));
      operations.set(slot, counter);
    }
    counter.inc();
  }

  private static boolean inRange(int opcode) {
    return opcode > 0 && opcode < OPERATIONS;
  }

  private static String operationName(int opcode) {
    return inRange(opcode) ? NfsOp4.name(opcode).substring("OP_".length()) : "ILLEGAL";
  }

  private static int statusIndex(int status) {
    if (status >= 0 && status <= LOW_STATUS_MAX) {
      return status;
    }
    int index = LOW_STATUS_MAX + 1 + status - HIGH_STATUS_MIN;
    return index > LOW_STATUS_MAX && index < STATUSES ? index : STATUSES - 1;
  }

  /** Counts file data sent by NFS READ. */
  public void nfsRead(long bytes) {
    readBytes.inc(bytes);
  }

  /** Counts file data taken by NFS WRITE. */
  public void nfsWritten(long bytes) {
    writeBytes.inc(bytes);
  }

  /** File data sent by NFS READ so far. */
  public long nfsReadBytes() {
    return readBytes.getCount();
  }

  /** File data taken by NFS WRITE so far. */
  public long nfsWrittenBytes() {
    return writeBytes.getCount();
  }

  @Override
  public void on(Event event) {
    events.add(event);
    layouts.on(event);
    for (LayoutEvents listener : listeners) {
      listener.on(event);
    }
  }

  /** Adds one who hears every layout event from now on, under the rules of {@link LayoutEvents}. */
  public void addListener(LayoutEvents listener) {
    listeners.add(listener);
  }

  /** Ends {@link #addListener}. */
  public void removeListener(LayoutEvents listener) {
    listeners.remove(listener);
  }

  /** The most recent events of all kinds. */
  public EventRing events() {
    return events;
  }

  /** The most recent layout events, oldest first. */
  public List<Event> recentEvents() {
    return events.recent(EventRing.EVENTS_KEPT).stream()
        .map(EventRing.Entry::event)
        .filter(Event.class::isInstance)
        .map(Event.class::cast)
        .toList();
  }

  /** Every value by name, sorted: numbers, and maps of numbers for histograms. */
  public SortedMap<String, Object> values() {
    SortedMap<String, Object> values = new TreeMap<>();
    registry.getGauges().forEach((name, gauge) -> values.put(name, valueOf(gauge)));
    registry.getCounters().forEach((name, counter) -> values.put(name, counter.getCount()));
    registry
        .getHistograms()
        .forEach((name, histogram) -> values.put(name, distribution(histogram)));
    return values;
  }

  private static Object valueOf(Gauge<?> gauge) {
    return gauge.getValue();
  }

  private static Map<String, Object> distribution(Histogram histogram) {
    Snapshot snapshot = histogram.getSnapshot();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("count", histogram.getCount());
    values.put("min", snapshot.getMin());
    values.put("p50", Math.round(snapshot.getMedian()));
    values.put("p99", Math.round(snapshot.get99thPercentile()));
    values.put("max", snapshot.getMax());
    return values;
  }

  /** Every value that is not 0, one to a line, for a person. */
  public String table() {
    StringBuilder table = new StringBuilder();
    values()
        .forEach((name, value) -> {
          if (value instanceof Map<?, ?> distribution) {
            if (!Long.valueOf(0).equals(distribution.get("count"))) {
              table.append("%-64s %s%n".formatted(name, distribution));
            }
          } else if (!Long.valueOf(0).equals(value)) {
            table.append("%-64s %s%n".formatted(name, value));
          }
        });
    return table.toString();
  }

  private static void require(Metric metric, Metric.Kind kind) {
    if (metric.kind() != kind) {
      throw new IllegalArgumentException(metric + " is a " + metric.kind() + ", not a " + kind);
    }
  }
}
