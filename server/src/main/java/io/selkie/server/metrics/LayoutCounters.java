package io.selkie.server.metrics;

import com.codahale.metrics.Counter;
import com.codahale.metrics.Histogram;
import io.selkie.layout.LayoutEvents.Event;
import io.selkie.layout.RecallCause;
import io.selkie.lease.FileIdentity;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Turns layout events into counters and distributions. A recall's beginning is remembered until its
 * seal is given up, or until {@value #RECALLS_KEPT} younger recalls have begun: a recall of some
 * holders only never ends in that way.
 */
final class LayoutCounters {

  private static final int RECALLS_KEPT = 4096;

  /** Reasons are texts: that there are few of them is made sure of here. */
  private static final int REASONS_MAX = 64;

  /** A holder within a recall; client 0 stands for the recall as a whole. */
  private record Holder(long recallId, long clientId) {}

  /** Who is fenced off what; not by the recall, as one who is fenced at once has none. */
  private record Fenced(FileIdentity file, long clientId) {}

  private final ServerMetrics metrics;
  private final Counter granted;
  private final Counter returned;
  private final Counter seals;
  private final Counter sealsTaken;
  private final Counter registeredBytes;
  private final Counter auditDifferences;
  private final Counter invalidationsFailed;
  private final Histogram recallNanos;
  private final Histogram unsealNanos;
  private final Histogram fenceNanos;
  private final Set<String> reasons = new HashSet<>();
  private final Map<Holder, Long> begun = bounded();
  private final Map<Fenced, Long> fences = bounded();

  LayoutCounters(ServerMetrics metrics) {
    this.metrics = metrics;
    granted = metrics.counter(Metric.LAYOUTS_GRANTED);
    returned = metrics.counter(Metric.LAYOUTS_RETURNED);
    seals = metrics.counter(Metric.SEALS);
    sealsTaken = metrics.counter(Metric.SEALS_TAKEN);
    registeredBytes = metrics.counter(Metric.REGISTERED_BYTES);
    auditDifferences = metrics.counter(Metric.AUDIT_DIFFERENCES);
    invalidationsFailed = metrics.counter(Metric.INVALIDATIONS_FAILED);
    recallNanos = metrics.histogram(Metric.RECALL_NANOS);
    unsealNanos = metrics.histogram(Metric.UNSEAL_NANOS);
    fenceNanos = metrics.histogram(Metric.FENCE_NANOS);
  }

  private static <K> Map<K, Long> bounded() {
    return new LinkedHashMap<>() {
      @Override
      protected boolean removeEldestEntry(Map.Entry<K, Long> eldest) {
        return size() > RECALLS_KEPT;
      }
    };
  }

  void on(Event event) {
    switch (event.step()) {
      case SEALED -> {
        seals.inc();
        sealsTaken.inc();
      }
      case REGISTERED -> registeredBytes.inc(event.bytes());
      case GRANTED -> granted.inc();
      case BREAK_SEEN -> begin(event);
      case RECALL_SENT -> begin(event);
      case RECALL_ANSWERED -> {}
      case LAYOUT_RETURNED -> {
        returned.inc();
        outcome(event, "returned");
      }
      case FENCE_BEGUN -> {
        outcome(event, "fenced");
        fenceBegun(event);
      }
      case HANDLE_INVALIDATED -> invalidated(event);
      case INVALIDATION_FAILED -> invalidationsFailed.inc();
      case SEAL_RELEASED -> released(event);
      case AUDIT_DIFFERENCE -> auditDifferences.inc();
      case DELEGATED -> metrics.counter(Metric.DELEGATIONS_GRANTED, firstWord(event)).inc();
      case DELEGATION_RECALLED -> begin(event);
      case DELEGATION_RETURNED ->
          metrics.counter(Metric.DELEGATIONS_ENDED, causeOf(event), "returned").inc();
      case DELEGATION_REVOKED ->
          metrics.counter(Metric.DELEGATIONS_ENDED, causeOf(event), "revoked").inc();
      case REFUSED -> metrics.counter(Metric.LAYOUTS_REFUSED, reasonOf(event)).inc();
    }
  }

  /** The first word of the detail is the reason's code; the rest is for people. */
  private String reasonOf(Event event) {
    String reason = firstWord(event);
    synchronized (reasons) {
      return reasons.contains(reason) || (reasons.size() < REASONS_MAX && reasons.add(reason))
          ? reason
          : "other";
    }
  }

  private static String firstWord(Event event) {
    String detail = event.detail() == null ? "" : event.detail();
    int end = 0;
    while (end < detail.length()
        && end < 40
        && (Character.isLetterOrDigit(detail.charAt(end)) || detail.charAt(end) == '_')) {
      end++;
    }
    return end == 0 ? "unknown" : detail.substring(0, end);
  }

  private synchronized void begin(Event event) {
    if (event.recallId() == 0) {
      return;
    }
    Long first = begun.putIfAbsent(new Holder(event.recallId(), 0), event.atNanos());
    if (first == null) {
      metrics.counter(Metric.RECALLS, causeOf(event)).inc();
    }
  }

  private void outcome(Event event, String outcome) {
    if (event.recallId() != 0) {
      metrics.counter(Metric.RECALL_OUTCOMES, causeOf(event), outcome).inc();
    }
  }

  private static String causeOf(Event event) {
    RecallCause cause = event.cause();
    return cause == null ? "unknown" : cause.name();
  }

  private synchronized void fenceBegun(Event event) {
    fences.put(new Fenced(event.file(), event.clientId()), event.atNanos());
  }

  private synchronized void invalidated(Event event) {
    registeredBytes.dec(event.bytes());
    Long fence = fences.remove(new Fenced(event.file(), event.clientId()));
    if (fence != null) {
      fenceNanos.update(event.atNanos() - fence);
    }
    Long begin = begun.get(new Holder(event.recallId(), 0));
    if (begin != null) {
      recallNanos.update(event.atNanos() - begin);
    }
  }

  private synchronized void released(Event event) {
    seals.dec();
    Long begin = begun.remove(new Holder(event.recallId(), 0));
    if (begin != null) {
      unsealNanos.update(event.atNanos() - begin);
    }
  }
}
