package io.selkie.server.state;

import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealTarget;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;

/**
 * What one open-owner has of one file, under one stateid: all its OPENs together (RFC 8881 section
 * 9.7). Changed only by {@link OpenTable} under its lock; what others read is volatile.
 */
public final class OpenState {

  private static final int BOTH = OpenConst4.OPEN4_SHARE_ACCESS_BOTH;

  private final OpenOwner owner;
  private final FileIdentity file;
  private final long otherHigh;
  private final int otherLow;
  private volatile SealTarget target;
  private volatile Stateid4 stateid;
  private volatile int access;
  private volatile int deny;
  private volatile int revokedStatus = NfsStat4.NFS4_OK;
  private volatile boolean ended;
  // Of all OPENs, or -1 once they were of several users; unsigned.
  private volatile long uid = -2;
  // A bit for each (access, deny) that an OPEN asked for: access * 4 + deny.
  private int asked;

  OpenState(OpenOwner owner, FileIdentity file, SealTarget target, long otherHigh, int otherLow) {
    this.owner = owner;
    this.file = file;
    this.target = target;
    this.otherHigh = otherHigh;
    this.otherLow = otherLow;
    this.stateid = new Stateid4(0, otherHigh, otherLow);
  }

  /** Who has it. */
  public OpenOwner owner() {
    return owner;
  }

  /** The client that has it. */
  public long clientId() {
    return owner.clientId();
  }

  /** The file. */
  public FileIdentity file() {
    return file;
  }

  /**
   * The file's open description, which this state holds open; the latest one, when an upgrade had
   * to open the file anew.
   */
  public SealTarget target() {
    return target;
  }

  /** The stateid with its current seqid. */
  public Stateid4 stateid() {
    return stateid;
  }

  /** OPEN4_SHARE_ACCESS_* of all OPENs together. */
  public int access() {
    return access;
  }

  /** OPEN4_SHARE_DENY_* of all OPENs together. */
  public int deny() {
    return deny;
  }

  /** Whether all OPENs were made by this user, who thus needs no check at each access. */
  public boolean isOpenedBy(int user) {
    return uid == Integer.toUnsignedLong(user);
  }

  /** Whether reading was asked for. */
  public boolean readable() {
    return (access & OpenConst4.OPEN4_SHARE_ACCESS_READ) != 0;
  }

  /** Whether writing was asked for. */
  public boolean writable() {
    return (access & OpenConst4.OPEN4_SHARE_ACCESS_WRITE) != 0;
  }

  /** NFS4_OK, or why it was revoked: NFS4ERR_EXPIRED or NFS4ERR_ADMIN_REVOKED. */
  public int revokedStatus() {
    return revokedStatus;
  }

  /** Whether it was closed or revoked. */
  public boolean hasEnded() {
    return ended;
  }

  void end() {
    ended = true;
  }

  long otherHigh() {
    return otherHigh;
  }

  /** One more OPEN of the same owner. */
  void add(int newUid, int newAccess, int newDeny, SealTarget newTarget) {
    long unsignedUid = Integer.toUnsignedLong(newUid);
    uid = uid == -2 || uid == unsignedUid ? unsignedUid : -1;
    asked |= 1 << (newAccess * 4 + newDeny);
    access |= newAccess;
    deny |= newDeny;
    target = newTarget;
    bump();
  }

  /**
   * Whether what is left would be all of some of the OPENs (section 18.18.3); the OPENs that lie
   * within it are the largest such set.
   */
  boolean canDowngradeTo(int newAccess, int newDeny) {
    int unionAccess = 0;
    int unionDeny = 0;
    for (int pair = 0; pair < 16; pair++) {
      if ((asked & 1 << pair) != 0 && within(pair, newAccess, newDeny)) {
        unionAccess |= pair / 4;
        unionDeny |= pair % 4;
      }
    }
    return unionAccess == newAccess && unionDeny == newDeny;
  }

  void downgrade(int newAccess, int newDeny) {
    for (int pair = 0; pair < 16; pair++) {
      if (!within(pair, newAccess, newDeny)) {
        asked &= ~(1 << pair);
      }
    }
    access = newAccess;
    deny = newDeny;
    bump();
  }

  private static boolean within(int pair, int access, int deny) {
    return (pair / 4 & ~access & BOTH) == 0 && (pair % 4 & ~deny & BOTH) == 0;
  }

  void revoke(int status) {
    revokedStatus = status;
  }

  /** Sets the seqid; for tests of what is far away. */
  void seqid(int seqid) {
    stateid = stateid.withSeqid(seqid);
  }

  /** Past all ones the next seqid is one, not zero (section 8.2.2). */
  void bump() {
    int next = stateid.seqid() + 1;
    stateid = new Stateid4(next == 0 ? 1 : next, otherHigh, otherLow);
  }
}
