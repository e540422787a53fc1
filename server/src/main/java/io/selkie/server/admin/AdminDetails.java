package io.selkie.server.admin;

import io.selkie.layout.LayoutEvents.Event;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.FileIdentity;
import io.selkie.server.admin.AdminException.Code;
import io.selkie.server.admin.AdminQueries.Listing;
import io.selkie.server.admin.FileMaps.FileMap;
import io.selkie.server.admin.ListKind.State;
import io.selkie.server.admin.Rows.BucketRow;
import io.selkie.server.admin.Rows.ExtentRow;
import io.selkie.server.admin.Rows.LatencyRow;
import io.selkie.server.admin.Rows.Mapped;
import io.selkie.server.admin.Rows.RecallTrace;
import io.selkie.server.admin.Rows.StepRow;
import io.selkie.server.metrics.Distribution;
import io.selkie.server.metrics.Metric;
import io.selkie.server.state.OpenState;
import io.selkie.server.state.StateSurvey;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** What is looked at more closely: a file's block map, recalls as they went, how long they take. */
final class AdminDetails {

  /** Steps of one recall that are told; one of thousands of holders has more. */
  private static final int STEPS_MAX = 256;

  private static final HexFormat HEX = HexFormat.of();

  private final AdminParts parts;
  private final AdminQueries queries;

  AdminDetails(AdminParts parts, AdminQueries queries) {
    this.parts = parts;
    this.queries = queries;
  }

  // ---------------------------------------------------------------- block maps

  /** The extents of one file. */
  Mapped map(AdminRequest request, Selection selection, AdminSink sink)
      throws AdminException, IOException {
    if (request.file().isEmpty()) {
      throw new AdminException(Code.BAD_REQUEST, "say which file");
    }
    FileIdentity identity = open(selection).orElseThrow(() -> notOpen(request.file().get()));
    FileMap found = parts.maps().read(identity).orElseThrow(() -> notOpen(request.file().get()));
    long count = 0;
    boolean truncated = false;
    for (Extent extent : found.map().extents()) {
      if (request.limit() > 0 && count == request.limit()) {
        truncated = true;
        break;
      }
      sink.row(ExtentRow.of(extent));
      count++;
    }
    ExportNames names = queries.names();
    return new Mapped(
        count,
        truncated,
        names.file(identity),
        names.export(found.path()),
        names.below(found.path()),
        found.sizeBytes(),
        FileIdentity.deviceText(identity.device()),
        found.dax(),
        found.coarse());
  }

  private static AdminException notOpen(String file) {
    return new AdminException(
        Code.REFUSED,
        file
            + " is not open in the server; the map of such a file is not looked at, as opening it"
            + " could break somebody's lease. filefrag shows it");
  }

  /** The file with its generation, which nobody who asks knows. */
  private Optional<FileIdentity> open(Selection selection) {
    var seals = parts.arbiter().survey().seals(selection.files());
    if (seals.hasNext()) {
      return Optional.of(seals.next().file());
    }
    Iterator<OpenState> opens = StateSurvey.opens(parts.opens());
    while (opens.hasNext()) {
      FileIdentity file = opens.next().file();
      if (selection.files().test(file)) {
        return Optional.of(file);
      }
    }
    return Optional.empty();
  }

  // ---------------------------------------------------------------- recalls

  /** What belongs together: a recall, or what happened to a file without one. */
  private record Key(long recallId, FileIdentity file) {}

  /** The most recent recalls, the youngest first. */
  Listing<RecallTrace> recalls(Selection selection) {
    Map<Key, List<Event>> groups = new LinkedHashMap<>();
    // A handle that its client gives back by itself dies without a number.
    Map<FileIdentity, Key> latest = new HashMap<>();
    for (Event event : parts.metrics().recentEvents()) {
      if (!selection.files().test(event.file())) {
        continue;
      }
      if (event.recallId() != 0 || event.step() == Step.FENCE_BEGUN) {
        Key key = new Key(event.recallId(), event.file());
        groups.computeIfAbsent(key, _ -> new ArrayList<>()).add(event);
        latest.put(event.file(), key);
      } else if (ends(event.step()) && latest.containsKey(event.file())) {
        groups.get(latest.get(event.file())).add(event);
      }
      if (event.step() == Step.SEAL_RELEASED) {
        latest.remove(event.file());
      }
    }
    ExportNames names = queries.names();
    long now = parts.clock().nanoTime();
    List<RecallTrace> traces = new ArrayList<>();
    groups.values().forEach(events -> traces.add(trace(events, names, now)));
    return new Listing<>(
        traces.reversed().stream().filter(trace -> selection.isExport(trace.export())).iterator(),
        trace -> Long.toString(trace.id()),
        RecallTrace::outcome);
  }

  private static boolean ends(Step step) {
    return step == Step.HANDLE_INVALIDATED || step == Step.SEAL_RELEASED;
  }

  private static RecallTrace trace(List<Event> events, ExportNames names, long now) {
    Event first = events.getFirst();
    List<StepRow> steps = new ArrayList<>();
    boolean fenced = false;
    boolean returned = false;
    boolean over = false;
    for (Event event : events) {
      fenced |= event.step() == Step.FENCE_BEGUN || event.step() == Step.DELEGATION_REVOKED;
      returned |= event.step() == Step.LAYOUT_RETURNED || event.step() == Step.DELEGATION_RETURNED;
      over |= ends(event.step());
      if (steps.size() < STEPS_MAX) {
        steps.add(
            new StepRow(
                TimeUnit.NANOSECONDS.toMicros(event.atNanos() - first.atNanos()),
                AdminQueries.word(event.step()),
                event.clientId() == 0 ? null : HEX.toHexDigits(event.clientId()),
                event.detail()));
      }
    }
    String outcome =
        fenced ? State.FENCED : returned ? State.RETURNED : over ? State.OVER : State.RUNNING;
    return new RecallTrace(
        first.recallId(),
        first.cause() == null ? null : AdminQueries.word(first.cause()),
        names.export(first.path()),
        names.below(first.path()),
        names.file(first.file()),
        outcome,
        TimeUnit.NANOSECONDS.toMillis(now - first.atNanos()),
        steps);
  }

  // ---------------------------------------------------------------- latencies

  /** Recalls, their seals, and fences. */
  Listing<LatencyRow> latencies() {
    return new Listing<>(
        List.of(
                row("recall", Metric.RECALL_NANOS),
                row("unseal", Metric.UNSEAL_NANOS),
                row("fence", Metric.FENCE_NANOS))
            .iterator(),
        LatencyRow::name,
        _ -> "");
  }

  private LatencyRow row(String name, Metric metric) {
    Distribution.Counts counts = parts.metrics().distribution(metric);
    var recent = parts.metrics().histogram(metric).getSnapshot();
    List<BucketRow> buckets = new ArrayList<>();
    for (int i = 0; i < counts.counts().size(); i++) {
      buckets.add(
          new BucketRow(
              i < counts.upperNanos().size()
                  ? TimeUnit.NANOSECONDS.toMicros(counts.upperNanos().get(i))
                  : null,
              counts.counts().get(i)));
    }
    return new LatencyRow(
        name,
        counts.count(),
        micros(recent.getMedian()),
        micros(recent.get99thPercentile()),
        micros((double) recent.getMax()),
        buckets);
  }

  private static long micros(double nanos) {
    return Math.round(nanos / 1000);
  }
}
