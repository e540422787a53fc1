package io.selkie.server;

import io.selkie.lease.AuditOutcome;
import io.selkie.lease.LeaseEvents;
import io.selkie.lease.SealTarget;
import io.selkie.lease.Sealer.Refusal;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts and says what happens to seals beyond what the arbiter tells of layouts. */
final class LeaseWatch implements LeaseEvents {

  private static final Logger LOG = LoggerFactory.getLogger(LeaseWatch.class);

  private final ServerMetrics metrics;
  private final Runnable everyAudit;

  /**
   * Watches.
   *
   * @param everyAudit run with each audit, on the auditor's thread
   */
  LeaseWatch(ServerMetrics metrics, Runnable everyAudit) {
    this.metrics = metrics;
    this.everyAudit = everyAudit;
  }

  @Override
  public void onRefused(SealTarget file, Refusal refusal, long atNanos) {
    LOG.info("not sealed: {}: {}", file.describe(), refusal.message());
  }

  @Override
  public void onLost(SealTarget file, int liveHandles, long atNanos) {
    metrics.counter(Metric.SEALS_LOST).inc();
    if (liveHandles > 0) {
      LOG.error(
          "{}: the kernel took the lease while {} handles lived (S4)",
          file.describe(),
          liveHandles);
    } else {
      LOG.warn("{}: the kernel took the lease; no handle lived", file.describe());
    }
  }

  @Override
  public void onAudit(SealTarget file, AuditOutcome outcome, long atNanos) {
    everyAudit.run();
    metrics.counter(Metric.AUDITS, outcome.getClass().getSimpleName()).inc();
    switch (outcome) {
      case AuditOutcome.Different different ->
          LOG.error("{}: block map changed under its seal: {}", file.describe(), different);
      case AuditOutcome.Unreadable unreadable ->
          LOG.warn("{}: not audited: {}", file.describe(), unreadable.reason());
      case AuditOutcome.Clean _, AuditOutcome.NotHeld _ -> {}
    }
  }

  @Override
  public void onSignalAnomaly(SignalAnomaly anomaly, int fd, long atNanos) {
    metrics.counter(Metric.LEASE_SIGNAL_ANOMALIES, anomaly.name()).inc();
    if (anomaly == SignalAnomaly.THREAD_DIED) {
      LOG.error("lease breaks are no longer seen: stop this server");
    } else if (anomaly != SignalAnomaly.STALE) {
      LOG.warn("lease signals: {} (descriptor {})", anomaly, fd);
    }
  }

  @Override
  public void onListenerFailure(SealTarget file, RuntimeException failure, long atNanos) {
    LOG.error("{}: nobody took care of a break", file.describe(), failure);
  }
}
