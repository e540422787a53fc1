package io.selkie.server.state;

import io.selkie.protocol.nfs4.LockOwner4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;

/**
 * What one lock-owner has locked of a file through one open, under one stateid (RFC 8881 section
 * 9.1). It stays when all is unlocked, until the open ends or the client frees it. Changed only by
 * {@link LockTable} under the file's lock; what others read is volatile.
 */
public final class LockState {

  private final LockOwner4 owner;
  private final OpenState open;
  private final long otherHigh;
  private volatile Stateid4 stateid;
  private volatile int revokedStatus = NfsStat4.NFS4_OK;

  /** How many ranges; guarded by the file's lock. */
  int locks;

  LockState(LockOwner4 owner, OpenState open, long otherHigh, int otherLow) {
    this.owner = owner;
    this.open = open;
    this.otherHigh = otherHigh;
    this.stateid = new Stateid4(0, otherHigh, otherLow);
  }

  /** Who has it. */
  public LockOwner4 owner() {
    return owner;
  }

  /** The open it hangs on, whose access mode is that of this stateid too (section 9.1.2). */
  public OpenState open() {
    return open;
  }

  /** The stateid with its current seqid. */
  public Stateid4 stateid() {
    return stateid;
  }

  /** NFS4_OK, or why it was revoked: NFS4ERR_EXPIRED or NFS4ERR_ADMIN_REVOKED. */
  public int revokedStatus() {
    return revokedStatus;
  }

  long otherHigh() {
    return otherHigh;
  }

  void revoke(int status) {
    revokedStatus = status;
  }

  /** Past all ones the next seqid is one, not zero (section 8.2.2). */
  Stateid4 bump() {
    int next = stateid.seqid() + 1;
    stateid = stateid.withSeqid(next == 0 ? 1 : next);
    return stateid;
  }

  /** Sets the seqid; for tests of what is far away. */
  void seqid(int seqid) {
    stateid = stateid.withSeqid(seqid);
  }
}
