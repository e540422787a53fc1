package io.selkie.server.admin;

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
      long heapMaxBytes) {}

  /**
   * An export.
   *
   * @param handles kernel or name: how filehandles are found again
   * @param troubles how often its file system has failed
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
      List<RuleRow> clients) {}

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
   * @param kind rdma or storage
   * @param id of GETDEVICEINFO, or MAJOR:MINOR
   * @param exports on the storage
   */
  public record DeviceRow(
      String kind,
      String id,
      String provider,
      String address,
      Integer queuePairs,
      List<String> exports) {}

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
