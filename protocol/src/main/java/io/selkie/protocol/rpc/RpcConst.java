package io.selkie.protocol.rpc;

/** Numbers of ONC RPC version 2, spelled as RFC 5531 section 9 spells them. */
public final class RpcConst {

  /** The only RPC version there is. */
  public static final int RPC_VERSION = 2;

  // msg_type

  public static final int CALL = 0;
  public static final int REPLY = 1;

  // reply_stat

  public static final int MSG_ACCEPTED = 0;
  public static final int MSG_DENIED = 1;

  // accept_stat

  public static final int SUCCESS = 0;
  public static final int PROG_UNAVAIL = 1;
  public static final int PROG_MISMATCH = 2;
  public static final int PROC_UNAVAIL = 3;
  public static final int GARBAGE_ARGS = 4;
  public static final int SYSTEM_ERR = 5;

  // reject_stat

  public static final int RPC_MISMATCH = 0;
  public static final int AUTH_ERROR = 1;

  // auth_stat

  public static final int AUTH_OK = 0;
  public static final int AUTH_BADCRED = 1;
  public static final int AUTH_REJECTEDCRED = 2;
  public static final int AUTH_BADVERF = 3;
  public static final int AUTH_REJECTEDVERF = 4;
  public static final int AUTH_TOOWEAK = 5;
  public static final int AUTH_INVALIDRESP = 6;
  public static final int AUTH_FAILED = 7;

  // auth_flavor

  public static final int AUTH_NONE = 0;
  public static final int AUTH_SYS = 1;
  public static final int AUTH_SHORT = 2;
  public static final int AUTH_DH = 3;
  public static final int RPCSEC_GSS = 6;

  /** The longest body of a credential or verifier, in bytes (section 8.2). */
  public static final int AUTH_BODY_MAX = 400;

  /** The longest machine name in AUTH_SYS, in bytes (appendix A). */
  public static final int AUTH_SYS_MACHINE_NAME_MAX = 255;

  /** The most supplementary groups in AUTH_SYS (appendix A). */
  public static final int AUTH_SYS_GIDS_MAX = 16;

  private RpcConst() {}
}
