package io.selkie.protocol.nfs4;

/** Sizes, program numbers and the small enumerations of NFSv4.1 and 4.2 (RFC 5662, RFC 7863). */
public final class Nfs4Const {

  // Sizes in bytes

  public static final int NFS4_FHSIZE = 128;
  public static final int NFS4_VERIFIER_SIZE = 8;
  public static final int NFS4_OTHER_SIZE = 12;
  public static final int NFS4_OPAQUE_LIMIT = 1024;
  public static final int NFS4_SESSIONID_SIZE = 16;
  public static final int NFS4_DEVICEID4_SIZE = 16;

  // RPC programs, versions and procedures

  public static final int NFS4_PROGRAM = 100003;
  public static final int NFS_V4 = 4;
  public static final int NFSPROC4_NULL = 0;
  public static final int NFSPROC4_COMPOUND = 1;

  /** Only an example: clients name theirs in CREATE_SESSION and BACKCHANNEL_CTL. */
  public static final int NFS4_CALLBACK = 0x40000000;

  public static final int NFS_CB = 1;
  public static final int CB_NULL = 0;
  public static final int CB_COMPOUND = 1;

  // The registered port of NFS over TCP

  public static final int NFS_PORT = 2049;

  // nfs_ftype4

  public static final int NF4REG = 1;
  public static final int NF4DIR = 2;
  public static final int NF4BLK = 3;
  public static final int NF4CHR = 4;
  public static final int NF4LNK = 5;
  public static final int NF4SOCK = 6;
  public static final int NF4FIFO = 7;
  public static final int NF4ATTRDIR = 8;
  public static final int NF4NAMEDATTR = 9;

  // ACCESS4_*; the last three are of RFC 8276

  public static final int ACCESS4_READ = 0x00000001;
  public static final int ACCESS4_LOOKUP = 0x00000002;
  public static final int ACCESS4_MODIFY = 0x00000004;
  public static final int ACCESS4_EXTEND = 0x00000008;
  public static final int ACCESS4_DELETE = 0x00000010;
  public static final int ACCESS4_EXECUTE = 0x00000020;
  public static final int ACCESS4_XAREAD = 0x00000040;
  public static final int ACCESS4_XAWRITE = 0x00000080;
  public static final int ACCESS4_XALIST = 0x00000100;

  // stable_how4

  public static final int UNSTABLE4 = 0;
  public static final int DATA_SYNC4 = 1;
  public static final int FILE_SYNC4 = 2;

  // time_how4

  public static final int SET_TO_SERVER_TIME4 = 0;
  public static final int SET_TO_CLIENT_TIME4 = 1;

  // nfs_lock_type4

  public static final int READ_LT = 1;
  public static final int WRITE_LT = 2;
  public static final int READW_LT = 3;
  public static final int WRITEW_LT = 4;

  // secinfo_style4

  public static final int SECINFO_STYLE4_CURRENT_FH = 0;
  public static final int SECINFO_STYLE4_PARENT = 1;

  // change_attr_type4

  public static final int NFS4_CHANGE_TYPE_IS_MONOTONIC_INCR = 0;
  public static final int NFS4_CHANGE_TYPE_IS_VERSION_COUNTER = 1;
  public static final int NFS4_CHANGE_TYPE_IS_VERSION_COUNTER_NOPNFS = 2;
  public static final int NFS4_CHANGE_TYPE_IS_TIME_METADATA = 3;
  public static final int NFS4_CHANGE_TYPE_IS_UNDEFINED = 4;

  // data_content4

  public static final int NFS4_CONTENT_DATA = 0;
  public static final int NFS4_CONTENT_HOLE = 1;

  // fattr4_fh_expire_type

  public static final int FH4_PERSISTENT = 0x00000000;
  public static final int FH4_NOEXPIRE_WITH_OPEN = 0x00000001;
  public static final int FH4_VOLATILE_ANY = 0x00000002;
  public static final int FH4_VOL_MIGRATION = 0x00000004;
  public static final int FH4_VOL_RENAME = 0x00000008;

  // fattr4_aclsupport

  public static final int ACL4_SUPPORT_ALLOW_ACL = 0x00000001;
  public static final int ACL4_SUPPORT_DENY_ACL = 0x00000002;
  public static final int ACL4_SUPPORT_AUDIT_ACL = 0x00000004;
  public static final int ACL4_SUPPORT_ALARM_ACL = 0x00000008;

  // fattr4_mode

  public static final int MODE4_SUID = 0x800;
  public static final int MODE4_SGID = 0x400;
  public static final int MODE4_SVTX = 0x200;
  public static final int MODE4_RUSR = 0x100;
  public static final int MODE4_WUSR = 0x080;
  public static final int MODE4_XUSR = 0x040;
  public static final int MODE4_RGRP = 0x020;
  public static final int MODE4_WGRP = 0x010;
  public static final int MODE4_XGRP = 0x008;
  public static final int MODE4_ROTH = 0x004;
  public static final int MODE4_WOTH = 0x002;
  public static final int MODE4_XOTH = 0x001;

  // fattr4_fs_charset_cap

  public static final int FSCHARSET_CAP4_CONTAINS_NON_UTF8 = 0x1;
  public static final int FSCHARSET_CAP4_ALLOWS_ONLY_UTF8 = 0x2;

  private Nfs4Const() {}

  /** A length or offset of all ones: to the end of the file. */
  public static final long NFS4_UINT64_MAX = -1L;

  /** The largest length, all ones. */
  public static final long NFS4_MAXFILELEN = -1L;

  /** The largest offset. */
  public static final long NFS4_MAXFILEOFF = -2L;
}
