package io.selkie.server.metrics;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Every metric of the server, once: what it is called, which labels tell its parts from each other,
 * and what it means. Units are the end of the name.
 */
public enum Metric {
  /** NFS operations by kind and status. */
  NFS_OPERATIONS("nfs_operations_total", Kind.COUNTER, "NFS operations answered", "op", "status"),
  /** Data through READ. */
  NFS_READ_BYTES("nfs_read_bytes_total", Kind.COUNTER, "bytes of file data sent by NFS READ"),
  /** Data through WRITE. */
  NFS_WRITE_BYTES("nfs_write_bytes_total", Kind.COUNTER, "bytes of file data taken by NFS WRITE"),
  /** Data that COPY copied. */
  NFS_COPY_BYTES("nfs_copy_bytes_total", Kind.COUNTER, "bytes of file data copied by NFS COPY"),
  /** Copies that go on by themselves now. */
  COPIES("copies", Kind.GAUGE, "asynchronous copies now running"),
  /** Errors of one-sided access that clients reported. */
  LAYOUT_ERRORS(
      "layout_errors_total", Kind.COUNTER, "errors reported by LAYOUTERROR", "op", "status"),
  /** Reports of one-sided access by clients. */
  LAYOUT_STATISTICS("layout_statistics_total", Kind.COUNTER, "reports by LAYOUTSTATS"),
  /** Data that peers fetched one-sided. */
  DIRECT_READ_BYTES("direct_read_bytes_total", Kind.GAUGE, "bytes fetched by one-sided reads"),
  /** Data that peers stored one-sided. */
  DIRECT_WRITE_BYTES("direct_write_bytes_total", Kind.GAUGE, "bytes placed by one-sided writes"),
  /** One-sided accesses. */
  DIRECT_OPERATIONS("direct_operations_total", Kind.GAUGE, "one-sided accesses", "op"),
  /** One-sided accesses that were refused. */
  DIRECT_REFUSED("direct_refused_total", Kind.GAUGE, "one-sided accesses refused"),
  /** NFS connections now. */
  CONNECTIONS("connections", Kind.GAUGE, "NFS connections now open"),
  /** Client ids now. */
  CLIENTS("clients", Kind.GAUGE, "clients now known"),
  /** Whether the grace period lasts. */
  GRACE("grace", Kind.GAUGE, "1 in the grace period after a restart, else 0"),
  /** Clients of before a restart that may still reclaim. */
  CLIENTS_TO_RECLAIM(
      "clients_to_reclaim", Kind.GAUGE, "clients of before a restart that have not yet finished"),
  /** Client records that could not be written. */
  CLIENT_STORE_FAILURES(
      "client_store_failures_total", Kind.COUNTER, "failed writes of client records, all retried"),
  /** Clients whose lease is over and who hold something still. */
  CLIENTS_COURTEOUS(
      "clients_courteous", Kind.GAUGE, "clients whose lease is over, with opens nobody else wants"),
  /** Sessions now. */
  SESSIONS("sessions", Kind.GAUGE, "sessions now alive"),
  /** Opens now. */
  OPENS("opens", Kind.GAUGE, "opens now held"),
  /** Byte ranges locked now. */
  LOCKS("locks", Kind.GAUGE, "byte ranges now locked"),
  /** Denied requests for locks now remembered. */
  LOCK_WAITERS(
      "lock_waiters", Kind.GAUGE, "denied locks whose owners will be told when they can be had"),
  /** Open file descriptions now. */
  DESCRIPTIONS("open_descriptions", Kind.GAUGE, "inodes now held open"),
  /** Filehandles known now. */
  HANDLES("handles_cached", Kind.GAUGE, "filehandles now known without decoding them"),
  /** Queue pairs now. */
  QUEUE_PAIRS("queue_pairs", Kind.GAUGE, "queue pairs now connected"),
  /** Queue pair requests refused. */
  QUEUE_PAIRS_REFUSED(
      "queue_pairs_refused_total", Kind.COUNTER, "queue pair requests refused", "reason"),
  /** Whether a provider of one-sided access that was asked for is there. */
  RDMA_PROVIDERS("rdma_providers", Kind.GAUGE, "1 listening, 0 asked for and not had", "provider"),
  /** What the RDMA device was proven to reach. */
  RDMA_REACH(
      "rdma_reach",
      Kind.GAUGE,
      "1 when the RDMA device was proven to reach files of this file system, else 0",
      "storage",
      "access"),
  /** Registrations by provider. */
  RDMA_REGISTRATIONS("rdma_registrations_total", Kind.COUNTER, "parts of layouts", "provider"),
  /** Parts of layouts that did not go by the RDMA device. */
  RDMA_DEVICE_NOT_USED(
      "rdma_device_not_used_total",
      Kind.COUNTER,
      "parts of layouts that the RDMA device was not used for",
      "reason"),
  /** Page cache pinned. */
  RDMA_PINNED_BYTES("rdma_pinned_bytes", Kind.GAUGE, "bytes of files pinned for the RDMA device"),
  /** When the certificate of HTTP ends. */
  HTTP_CERTIFICATE_EXPIRY(
      "http_certificate_expiry_timestamp_seconds",
      Kind.GAUGE,
      "when the certificate of HTTP ends to be valid, in seconds since 1970"),
  /** Layouts now. */
  LAYOUTS("layouts", Kind.GAUGE, "layouts now held"),
  /** Layouts granted. */
  LAYOUTS_GRANTED("layouts_granted_total", Kind.COUNTER, "layouts granted"),
  /** Layouts given back. */
  LAYOUTS_RETURNED("layouts_returned_total", Kind.COUNTER, "layouts returned by clients"),
  /** Delegations given by type. */
  DELEGATIONS_GRANTED("delegations_granted_total", Kind.COUNTER, "delegations granted", "type"),
  /** How delegations ended; the cause is that of the recall, if any. */
  DELEGATIONS_ENDED(
      "delegations_ended_total", Kind.COUNTER, "delegations ended", "cause", "outcome"),
  /** Delegations now. */
  DELEGATIONS("delegations", Kind.GAUGE, "delegations now held"),
  /** Layouts refused by reason. */
  LAYOUTS_REFUSED("layouts_refused_total", Kind.COUNTER, "layouts refused", "reason"),
  /** Seals now. */
  SEALS("seals", Kind.COUNTER, "files now sealed, for layouts or delegations"),
  /** Seals taken. */
  SEALS_TAKEN("seals_taken_total", Kind.COUNTER, "seals taken, for layouts or delegations"),
  /** Recalls begun by cause. */
  RECALLS("recalls_total", Kind.COUNTER, "recalls begun", "cause"),
  /** How the holders of a recalled layout left. */
  RECALL_OUTCOMES(
      "recall_outcomes_total", Kind.COUNTER, "holders of recalled layouts", "cause", "outcome"),
  /** From the break to dead handles. */
  RECALL_NANOS("recall_nanos", Kind.HISTOGRAM, "from the cause of a recall to dead handles"),
  /** From the break to the seal given up. */
  UNSEAL_NANOS("unseal_nanos", Kind.HISTOGRAM, "from the cause of a recall to the seal given up"),
  /** From the beginning of a fence to dead handles. */
  FENCE_NANOS("fence_nanos", Kind.HISTOGRAM, "from the beginning of a fence to dead handles"),
  /** Bytes registered for remote access now. */
  REGISTERED_BYTES("registered_bytes", Kind.COUNTER, "bytes now registered for remote access"),
  /** Seals that the kernel took. */
  SEALS_LOST("seals_lost_total", Kind.COUNTER, "leases the kernel took before they were given up"),
  /** Whether somebody keeps leases for after a kill. */
  KEEPER(
      "keeper",
      Kind.GAUGE,
      "1 when the leases of block layouts outlive a killed server, 0 when they do not (S5)"),
  /** Leases kept for after a kill. */
  KEPT("kept_descriptors", Kind.GAUGE, "files whose leases now outlive a killed server"),
  /** Leases that were kept of the server before. */
  KEPT_BEFORE(
      "kept_before_descriptors", Kind.GAUGE, "leases that are kept of a server that was killed"),
  /** Leases that are not kept. */
  KEEPER_REFUSALS(
      "keeper_refusals_total", Kind.COUNTER, "leases not kept for after a kill", "reason"),
  /** A SCSI disk did not fence when it was told. */
  SCSI_FENCE_ATTEMPTS_FAILED(
      "scsi_fence_attempts_failed_total",
      Kind.COUNTER,
      "times that a disk did not take a fenced client's key away, and was asked again"),
  /** A SCSI disk never did. */
  SCSI_FENCES_FAILED(
      "scsi_fences_failed_total",
      Kind.COUNTER,
      "clients that a disk did not shut out, and that were trusted to have stopped (S3)"),
  /** Bad blocks. */
  BAD_BLOCK_RANGES(
      "bad_block_ranges", Kind.GAUGE, "ranges of bad blocks of devices that layouts were asked on"),
  /** Recalls because of them. */
  MEDIA_RECALLS(
      "media_recalls_total", Kind.COUNTER, "files whose layouts were recalled for bad blocks"),
  /** Oddities of the lease signals. */
  LEASE_SIGNAL_ANOMALIES(
      "lease_signal_anomalies_total", Kind.COUNTER, "oddities of the lease signals", "anomaly"),
  /** Audits. */
  AUDITS("audits_total", Kind.COUNTER, "block maps read again under a seal", "outcome"),
  /** Differences found by the auditor. */
  AUDIT_DIFFERENCES(
      "audit_differences_total", Kind.COUNTER, "block maps found changed under a seal (S2)"),
  /** Handles that could not be taken back by any means. */
  INVALIDATIONS_FAILED(
      "invalidations_failed_total",
      Kind.COUNTER,
      "handles that could not be invalidated, their seals are kept (S3)");

  /** The one prefix of all names. */
  public static final String PREFIX = "selkie_";

  /** How it moves. */
  public enum Kind {
    /** Counted here. */
    COUNTER,
    /** Asked for when it is read. */
    GAUGE,
    /** A distribution of the most recent values. */
    HISTOGRAM
  }

  private final String id;
  private final Kind kind;
  private final String doc;

  @SuppressWarnings("Immutable") // Made by List.of.
  private final List<String> labels;

  static {
    Set<String> ids = new HashSet<>();
    for (Metric metric : values()) {
      if (!ids.add(metric.id)) {
        throw new IllegalStateException("two metrics are called " + metric.id);
      }
    }
  }

  Metric(String id, Kind kind, String doc, String... labels) {
    this.id = PREFIX + id;
    this.kind = kind;
    this.doc = doc;
    this.labels = List.of(labels);
  }

  /** The name, prefix included. */
  public String id() {
    return id;
  }

  /** How it moves. */
  public Kind kind() {
    return kind;
  }

  /** What it means, in one line. */
  public String doc() {
    return doc;
  }

  /** The name of one part of it: {@code id{label="value"}}. */
  public String id(String... values) {
    if (values.length != labels.size()) {
      throw new IllegalArgumentException(id + " has " + labels.size() + " labels");
    }
    if (labels.size() == 0) {
      return id;
    }
    StringBuilder name = new StringBuilder(id).append('{');
    for (int i = 0; i < labels.size(); i++) {
      name.append(i > 0 ? "," : "").append(labels.get(i)).append("=\"");
      name.append(values[i].toLowerCase(Locale.ROOT).replace('"', '\'')).append('"');
    }
    return name.append('}').toString();
  }
}
