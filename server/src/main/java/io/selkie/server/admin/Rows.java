package io.selkie.server.admin;

import io.selkie.lease.BlockMap.Extent;
import io.selkie.posix.FiemapFlags;
import java.util.List;

/**
 * What administrators see, row by row. The names of the components are the names in JSON; programs
 * depend on them, so they are added to and never changed. Identifiers are texts, because a client's
 * or a session's does not fit into JSON's numbers. Whatever is not known or not there is null.
 *
 * <p>A file is {@code MAJOR:MINOR:INODE}, a path is the one below its export.
 */
public final class Rows {

  private Rows() {}

  /** The server as a whole. */
  public record Status(
      String version,
      long pid,
      String state,
      String startedAt,
      long uptimeSeconds,
      String configFile,
      String stateDirectory,
      String nfsAddress,
      String rdmaAddress,
      String diagnosticsAddress,
      String socket,
      boolean inGrace,
      int clientsToReclaim,
      int leaseBreakSeconds,
      int recallTimeoutMillis,
      int fenceBudgetMillis,
      int exports,
      int clients,
      int courteousClients,
      int sessions,
      int opens,
      int locks,
      int lockWaiters,
      int layouts,
      long seals,
      int delegations,
      int queuePairs,
      long heapUsedBytes,
      long heapMaxBytes,
      String httpAddress) {}

  /**
   * An export.
   *
   * @param handles kernel or name: how filehandles are found again
   * @param troubles how often its file system has failed
   * @param fileSystem its type, such as ext4
   * @param dax whether mappings of its files are the storage: always, inode (file by file), never,
   *     or unknown
   * @param direct whether files are reached one-sided: layouts are on, and RDMA is
   */
  public record ExportRow(
      String name,
      String path,
      boolean readOnly,
      boolean layouts,
      String fsid,
      String device,
      String handles,
      long troubles,
      List<RuleRow> clients,
      String fileSystem,
      String dax,
      boolean direct) {}

  /** Who may do what with an export. */
  public record RuleRow(
      String hosts, boolean readOnly, String squash, long anonUid, long anonGid, String security) {}

  /** A client. */
  public record ClientRow(
      String client,
      String owner,
      String implementation,
      String address,
      String state,
      Integer uid,
      boolean reclaimComplete,
      int sessions,
      boolean backChannel,
      long silentMillis,
      long leaseMillis,
      int layouts,
      int layoutFiles,
      int delegations) {}

  /** A session. */
  public record SessionRow(
      String session,
      String client,
      int slots,
      int slotsWanted,
      int maxRequestBytes,
      int maxResponseBytes,
      int maxOperations,
      boolean backChannel,
      List<ConnectionRow> connections) {}

  /** A connection of a session. */
  public record ConnectionRow(long connection, String remote, boolean fore, boolean back) {}

  /** A recall under way; what is left is negative while it is being fenced. */
  public record RecallRow(long id, String cause, long remainingMillis) {}

  /** What one LAYOUTGET granted. */
  public record LayoutRow(
      String stateid,
      String client,
      String export,
      String path,
      String file,
      String type,
      String mode,
      long offset,
      long length,
      String state,
      int handles,
      int holes,
      RecallRow recall) {}

  /** A delegation. */
  public record DelegationRow(
      String stateid,
      String client,
      String export,
      String path,
      String file,
      String mode,
      boolean times,
      String state,
      RecallRow recall) {}

  /**
   * A file whose block map is sealed, or on the way there or back.
   *
   * @param state of the file: sealing, sealed, recalling, fencing, unsealing
   * @param mode exclusive or shared
   * @param seal state of the kernel lease
   * @param exact whether the mapping is the storage
   * @param kernelRemainingMillis until the kernel takes the lease, while somebody breaks it
   */
  public record SealRow(
      String file,
      String export,
      String path,
      String state,
      String mode,
      String seal,
      boolean exact,
      int handles,
      int clients,
      int parts,
      int delegations,
      RecallRow recall,
      Long kernelRemainingMillis) {}

  /** What one owner has of one file open. */
  public record OpenRow(
      String stateid,
      String client,
      String export,
      String path,
      String file,
      String access,
      String deny,
      String owner,
      String state) {}

  /**
   * A byte-range lock, or somebody who waits for one.
   *
   * @param length null to the end of any file
   */
  public record LockRow(
      String stateid,
      String client,
      String export,
      String path,
      String file,
      String mode,
      String offset,
      String length,
      String owner,
      String state) {}

  /**
   * What data lies on, or goes through.
   *
   * @param kind rdma, storage, or reach: what the RDMA device was proven to reach of a storage
   * @param id of GETDEVICEINFO, or MAJOR:MINOR
   * @param exports on the storage
   * @param note for people: which device it is, how storage is reached, or why not
   */
  public record DeviceRow(
      String kind,
      String id,
      String provider,
      String address,
      Integer queuePairs,
      List<String> exports,
      String note) {}

  /**
   * Something that happened.
   *
   * @param number in the order of all since the start
   * @param at when, UTC
   * @param event what, such as break_seen, recall_sent, seal_released or slow_operation
   * @param recall the number of the recall that it belongs to
   * @param micros how long it took, where that is known
   */
  public record EventRow(
      long number,
      String at,
      String event,
      Long recall,
      String client,
      String file,
      String path,
      String cause,
      long bytes,
      Long micros,
      String detail) {}

  /**
   * A piece of a file that is stored, in one go; what no row covers is a hole.
   *
   * @param physical on the device; null where it has no place of its own
   * @param state data, unwritten, shared (with other files), delayed (not stored yet), inline or
   *     encoded
   */
  public record ExtentRow(long offset, long length, Long physical, String state) {
    /** As FIEMAP tells it. */
    public static ExtentRow of(Extent extent) {
      return new ExtentRow(
          extent.logical(),
          extent.length(),
          extent.located() ? extent.physical() : null,
          stateOf(extent));
    }

    private static String stateOf(Extent extent) {
      if (extent.has(FiemapFlags.DELALLOC)) {
        return "delayed";
      }
      if (extent.unwritten()) {
        return "unwritten";
      }
      if (extent.shared()) {
        return "shared";
      }
      if (extent.has(FiemapFlags.DATA_INLINE | FiemapFlags.DATA_TAIL)) {
        return "inline";
      }
      return extent.has(FiemapFlags.ENCODED) ? "encoded" : "data";
    }
  }

  /**
   * The end of a file's block map, and the file.
   *
   * @param dax whether its mapping is the storage
   * @param coarse whether it has so many extents that neighbours are told as one
   */
  public record Mapped(
      long rows,
      boolean truncated,
      String file,
      String export,
      String path,
      long sizeBytes,
      String device,
      boolean dax,
      boolean coarse) {}

  /**
   * All that is known of one file. Of each list at most so many rows are told; what is asked for
   * one after the other was true at one moment each.
   *
   * @param export empty, as the path is, when nothing of it is held or open
   * @param seal null when it has none
   * @param map its block map; null when it is not open in the server, with no extents then
   * @param truncated whether a list is longer
   */
  public record FileFacts(
      String file,
      String export,
      String path,
      SealRow seal,
      List<LayoutRow> layouts,
      List<DelegationRow> delegations,
      List<OpenRow> opens,
      List<LockRow> locks,
      Mapped map,
      List<ExtentRow> extents,
      List<RecallTrace> recalls,
      boolean truncated) {}

  /**
   * A recall, or a fence without one, as it went.
   *
   * @param id 0 when nobody was asked
   * @param outcome running, returned, fenced, or over when the beginning is not known any more
   * @param agoMillis since its first step
   */
  public record RecallTrace(
      long id,
      String cause,
      String export,
      String path,
      String file,
      String outcome,
      long agoMillis,
      List<StepRow> steps) {}

  /**
   * A step of a recall.
   *
   * @param atMicros from the first one
   * @param client null when it is of none
   */
  public record StepRow(long atMicros, String step, String client, String detail) {}

  /**
   * How long something takes: quantiles of the most recent times, and all since the start by size.
   */
  public record LatencyRow(
      String name,
      long count,
      long p50Micros,
      long p99Micros,
      long maxMicros,
      List<BucketRow> buckets) {}

  /**
   * Times up to a bound and above the one before it.
   *
   * @param upToMicros null for what is above all bounds
   */
  public record BucketRow(Long upToMicros, long count) {}

  /** The end of a list. */
  public record Listed(long rows, boolean truncated) {}

  /**
   * What came of recall or fence.
   *
   * @param layouts that it was about, at the beginning
   * @param complete whether all of it is back or dead; false too when nobody waited
   */
  public record Taken(
      String action, long layouts, long delegations, boolean complete, long elapsedMillis) {}

  /** What came of a command. */
  public record Done(String action, String message) {}

  /** What came of reload. */
  public record Reloaded(String outcome, boolean applied, List<ChangeRow> changes) {}

  /** A difference between two configurations. */
  public record ChangeRow(String text, boolean live) {}

  /** A logger and the level that was set for it. */
  public record LoggerRow(String logger, String level) {}
}
