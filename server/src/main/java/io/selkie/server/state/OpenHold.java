package io.selkie.server.state;

import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.NfsStat4;
import java.util.Optional;

/**
 * A place kept for an OPEN while it does to the file what cannot be undone: as long as it is held,
 * nobody else's OPEN conflicts with it or takes its place in the table. Made by {@link
 * OpenTable#hold}, used up by {@link OpenTable#open}, and otherwise given back by {@link #close}.
 */
public final class OpenHold implements AutoCloseable {

  private final OpenTable table;
  private final int status;
  private final String reason;
  final Optional<FileIdentity> file;
  final int access;
  final int deny;

  /** Guarded by the table's lock. */
  boolean live;

  private OpenHold(
      OpenTable table,
      int status,
      String reason,
      Optional<FileIdentity> file,
      int access,
      int deny) {
    this.table = table;
    this.status = status;
    this.reason = reason;
    this.file = file;
    this.access = access;
    this.deny = deny;
    this.live = status == NfsStat4.NFS4_OK;
  }

  static OpenHold held(OpenTable table, Optional<FileIdentity> file, int access, int deny) {
    return new OpenHold(table, NfsStat4.NFS4_OK, "", file, access, deny);
  }

  static OpenHold refused(OpenTable table, OpenResult.Refused why) {
    return new OpenHold(table, why.status(), why.reason(), Optional.empty(), 0, 0);
  }

  /** NFS4_OK when the place is held, else as {@link OpenResult.Refused}. */
  public int status() {
    return status;
  }

  /** Why it is not held, for the log. */
  public String reason() {
    return reason;
  }

  /** Gives back what {@link OpenTable#open} has not used. Idempotent. */
  @Override
  public void close() {
    table.letGo(this);
  }
}
