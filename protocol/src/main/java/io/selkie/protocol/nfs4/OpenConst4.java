package io.selkie.protocol.nfs4;

/**
 * Constants of OPEN and of what comes with it: share reservations, claims, ways to create,
 * delegations (RFC 8881 section 18.16).
 */
public final class OpenConst4 {

  // share_access and share_deny

  public static final int OPEN4_SHARE_ACCESS_READ = 0x00000001;
  public static final int OPEN4_SHARE_ACCESS_WRITE = 0x00000002;
  public static final int OPEN4_SHARE_ACCESS_BOTH = 0x00000003;
  public static final int OPEN4_SHARE_DENY_NONE = 0x00000000;
  public static final int OPEN4_SHARE_DENY_READ = 0x00000001;
  public static final int OPEN4_SHARE_DENY_WRITE = 0x00000002;
  public static final int OPEN4_SHARE_DENY_BOTH = 0x00000003;
  public static final int OPEN4_SHARE_ACCESS_WANT_DELEG_MASK = 0xFF00;
  public static final int OPEN4_SHARE_ACCESS_WANT_NO_PREFERENCE = 0x0000;
  public static final int OPEN4_SHARE_ACCESS_WANT_READ_DELEG = 0x0100;
  public static final int OPEN4_SHARE_ACCESS_WANT_WRITE_DELEG = 0x0200;
  public static final int OPEN4_SHARE_ACCESS_WANT_ANY_DELEG = 0x0300;
  public static final int OPEN4_SHARE_ACCESS_WANT_NO_DELEG = 0x0400;
  public static final int OPEN4_SHARE_ACCESS_WANT_CANCEL = 0x0500;
  public static final int OPEN4_SHARE_ACCESS_WANT_SIGNAL_DELEG_WHEN_RESRC_AVAIL = 0x10000;
  public static final int OPEN4_SHARE_ACCESS_WANT_PUSH_DELEG_WHEN_UNCONTENDED = 0x20000;

  /** RFC 9754: the client would set the times itself while it holds the delegation. */
  public static final int OPEN4_SHARE_ACCESS_WANT_DELEG_TIMESTAMPS = 0x100000;

  /** RFC 9754: with a delegation the client needs no open stateid. */
  public static final int OPEN4_SHARE_ACCESS_WANT_OPEN_XOR_DELEGATION = 0x200000;

  // opentype4

  public static final int OPEN4_NOCREATE = 0;
  public static final int OPEN4_CREATE = 1;

  // createmode4

  public static final int UNCHECKED4 = 0;
  public static final int GUARDED4 = 1;
  public static final int EXCLUSIVE4 = 2;
  public static final int EXCLUSIVE4_1 = 3;

  // open_claim_type4

  public static final int CLAIM_NULL = 0;
  public static final int CLAIM_PREVIOUS = 1;
  public static final int CLAIM_DELEGATE_CUR = 2;
  public static final int CLAIM_DELEGATE_PREV = 3;
  public static final int CLAIM_FH = 4;
  public static final int CLAIM_DELEG_CUR_FH = 5;
  public static final int CLAIM_DELEG_PREV_FH = 6;

  // open_delegation_type4

  public static final int OPEN_DELEGATE_NONE = 0;
  public static final int OPEN_DELEGATE_READ = 1;
  public static final int OPEN_DELEGATE_WRITE = 2;
  public static final int OPEN_DELEGATE_NONE_EXT = 3;

  /** RFC 9754: the client has the times too. */
  public static final int OPEN_DELEGATE_READ_ATTRS_DELEG = 4;

  /** RFC 9754: the client has the times too. */
  public static final int OPEN_DELEGATE_WRITE_ATTRS_DELEG = 5;

  // why_no_delegation4

  public static final int WND4_NOT_WANTED = 0;
  public static final int WND4_CONTENTION = 1;
  public static final int WND4_RESOURCE = 2;
  public static final int WND4_NOT_SUPP_FTYPE = 3;
  public static final int WND4_WRITE_DELEG_NOT_SUPP_FTYPE = 4;
  public static final int WND4_NOT_SUPP_UPGRADE = 5;
  public static final int WND4_NOT_SUPP_DOWNGRADE = 6;
  public static final int WND4_CANCELLED = 7;
  public static final int WND4_IS_DIR = 8;

  // Result flags

  public static final int OPEN4_RESULT_CONFIRM = 0x00000002;
  public static final int OPEN4_RESULT_LOCKTYPE_POSIX = 0x00000004;
  public static final int OPEN4_RESULT_PRESERVE_UNLINKED = 0x00000008;

  /** RFC 9754: there is a delegation and no open stateid. */
  public static final int OPEN4_RESULT_NO_OPEN_STATEID = 0x00000010;

  public static final int OPEN4_RESULT_MAY_NOTIFY_LOCK = 0x00000020;

  // limit_by4

  public static final int NFS_LIMIT_SIZE = 1;
  public static final int NFS_LIMIT_BLOCKS = 2;

  private OpenConst4() {}
}
