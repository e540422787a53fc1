package io.selkie.protocol.nfs4;

/**
 * Constants of client IDs, sessions and their channels (RFC 8881 sections 18.34 to 18.36 and
 * 18.46).
 */
public final class SessionConst4 {

  // eia_flags and eir_flags

  public static final int EXCHGID4_FLAG_SUPP_MOVED_REFER = 0x00000001;
  public static final int EXCHGID4_FLAG_SUPP_MOVED_MIGR = 0x00000002;
  public static final int EXCHGID4_FLAG_SUPP_FENCE_OPS = 0x00000004;
  public static final int EXCHGID4_FLAG_BIND_PRINC_STATEID = 0x00000100;
  public static final int EXCHGID4_FLAG_USE_NON_PNFS = 0x00010000;
  public static final int EXCHGID4_FLAG_USE_PNFS_MDS = 0x00020000;
  public static final int EXCHGID4_FLAG_USE_PNFS_DS = 0x00040000;
  public static final int EXCHGID4_FLAG_MASK_PNFS = 0x00070000;
  public static final int EXCHGID4_FLAG_UPD_CONFIRMED_REC_A = 0x40000000;
  public static final int EXCHGID4_FLAG_CONFIRMED_R = 0x80000000;

  // state_protect_how4

  public static final int SP4_NONE = 0;
  public static final int SP4_MACH_CRED = 1;
  public static final int SP4_SSV = 2;

  // csa_flags and csr_flags

  public static final int CREATE_SESSION4_FLAG_PERSIST = 0x00000001;
  public static final int CREATE_SESSION4_FLAG_CONN_BACK_CHAN = 0x00000002;
  public static final int CREATE_SESSION4_FLAG_CONN_RDMA = 0x00000004;

  // sr_status_flags

  public static final int SEQ4_STATUS_CB_PATH_DOWN = 0x00000001;
  public static final int SEQ4_STATUS_CB_GSS_CONTEXTS_EXPIRING = 0x00000002;
  public static final int SEQ4_STATUS_CB_GSS_CONTEXTS_EXPIRED = 0x00000004;
  public static final int SEQ4_STATUS_EXPIRED_ALL_STATE_REVOKED = 0x00000008;
  public static final int SEQ4_STATUS_EXPIRED_SOME_STATE_REVOKED = 0x00000010;
  public static final int SEQ4_STATUS_ADMIN_STATE_REVOKED = 0x00000020;
  public static final int SEQ4_STATUS_RECALLABLE_STATE_REVOKED = 0x00000040;
  public static final int SEQ4_STATUS_LEASE_MOVED = 0x00000080;
  public static final int SEQ4_STATUS_RESTART_RECLAIM_NEEDED = 0x00000100;
  public static final int SEQ4_STATUS_CB_PATH_DOWN_SESSION = 0x00000200;
  public static final int SEQ4_STATUS_BACKCHANNEL_FAULT = 0x00000400;
  public static final int SEQ4_STATUS_DEVID_CHANGED = 0x00000800;
  public static final int SEQ4_STATUS_DEVID_DELETED = 0x00001000;

  // channel_dir_from_client4

  public static final int CDFC4_FORE = 0x1;
  public static final int CDFC4_BACK = 0x2;
  public static final int CDFC4_FORE_OR_BOTH = 0x3;
  public static final int CDFC4_BACK_OR_BOTH = 0x7;

  // channel_dir_from_server4

  public static final int CDFS4_FORE = 0x1;
  public static final int CDFS4_BACK = 0x2;
  public static final int CDFS4_BOTH = 0x3;

  private SessionConst4() {}
}
