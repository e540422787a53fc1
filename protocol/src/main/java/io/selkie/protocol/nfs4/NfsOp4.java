package io.selkie.protocol.nfs4;

import java.util.Map;

/**
 * nfs_opnum4: the operations of a COMPOUND (RFC 8881 section 16.2, RFC 7862 section 15, RFC 8276).
 */
public final class NfsOp4 {

  // Of NFSv4.0; RENEW, SETCLIENTID and the like must not be implemented by NFSv4.1.

  public static final int OP_ACCESS = 3;
  public static final int OP_CLOSE = 4;
  public static final int OP_COMMIT = 5;
  public static final int OP_CREATE = 6;
  public static final int OP_DELEGPURGE = 7;
  public static final int OP_DELEGRETURN = 8;
  public static final int OP_GETATTR = 9;
  public static final int OP_GETFH = 10;
  public static final int OP_LINK = 11;
  public static final int OP_LOCK = 12;
  public static final int OP_LOCKT = 13;
  public static final int OP_LOCKU = 14;
  public static final int OP_LOOKUP = 15;
  public static final int OP_LOOKUPP = 16;
  public static final int OP_NVERIFY = 17;
  public static final int OP_OPEN = 18;
  public static final int OP_OPENATTR = 19;
  public static final int OP_OPEN_CONFIRM = 20;
  public static final int OP_OPEN_DOWNGRADE = 21;
  public static final int OP_PUTFH = 22;
  public static final int OP_PUTPUBFH = 23;
  public static final int OP_PUTROOTFH = 24;
  public static final int OP_READ = 25;
  public static final int OP_READDIR = 26;
  public static final int OP_READLINK = 27;
  public static final int OP_REMOVE = 28;
  public static final int OP_RENAME = 29;
  public static final int OP_RENEW = 30;
  public static final int OP_RESTOREFH = 31;
  public static final int OP_SAVEFH = 32;
  public static final int OP_SECINFO = 33;
  public static final int OP_SETATTR = 34;
  public static final int OP_SETCLIENTID = 35;
  public static final int OP_SETCLIENTID_CONFIRM = 36;
  public static final int OP_VERIFY = 37;
  public static final int OP_WRITE = 38;
  public static final int OP_RELEASE_LOCKOWNER = 39;

  // New in NFSv4.1.

  public static final int OP_BACKCHANNEL_CTL = 40;
  public static final int OP_BIND_CONN_TO_SESSION = 41;
  public static final int OP_EXCHANGE_ID = 42;
  public static final int OP_CREATE_SESSION = 43;
  public static final int OP_DESTROY_SESSION = 44;
  public static final int OP_FREE_STATEID = 45;
  public static final int OP_GET_DIR_DELEGATION = 46;
  public static final int OP_GETDEVICEINFO = 47;
  public static final int OP_GETDEVICELIST = 48;
  public static final int OP_LAYOUTCOMMIT = 49;
  public static final int OP_LAYOUTGET = 50;
  public static final int OP_LAYOUTRETURN = 51;
  public static final int OP_SECINFO_NO_NAME = 52;
  public static final int OP_SEQUENCE = 53;
  public static final int OP_SET_SSV = 54;
  public static final int OP_TEST_STATEID = 55;
  public static final int OP_WANT_DELEGATION = 56;
  public static final int OP_DESTROY_CLIENTID = 57;
  public static final int OP_RECLAIM_COMPLETE = 58;

  // New in NFSv4.2.

  public static final int OP_ALLOCATE = 59;
  public static final int OP_COPY = 60;
  public static final int OP_COPY_NOTIFY = 61;
  public static final int OP_DEALLOCATE = 62;
  public static final int OP_IO_ADVISE = 63;
  public static final int OP_LAYOUTERROR = 64;
  public static final int OP_LAYOUTSTATS = 65;
  public static final int OP_OFFLOAD_CANCEL = 66;
  public static final int OP_OFFLOAD_STATUS = 67;
  public static final int OP_READ_PLUS = 68;
  public static final int OP_SEEK = 69;
  public static final int OP_WRITE_SAME = 70;
  public static final int OP_CLONE = 71;

  // Extensions to NFSv4.2 (RFC 8276).

  public static final int OP_GETXATTR = 72;
  public static final int OP_SETXATTR = 73;
  public static final int OP_LISTXATTRS = 74;
  public static final int OP_REMOVEXATTR = 75;

  // The answer to every number that is none.

  public static final int OP_ILLEGAL = 10044;

  private static final Map<Integer, String> NAMES =
      Map.ofEntries(
          Map.entry(OP_ACCESS, "OP_ACCESS"),
          Map.entry(OP_CLOSE, "OP_CLOSE"),
          Map.entry(OP_COMMIT, "OP_COMMIT"),
          Map.entry(OP_CREATE, "OP_CREATE"),
          Map.entry(OP_DELEGPURGE, "OP_DELEGPURGE"),
          Map.entry(OP_DELEGRETURN, "OP_DELEGRETURN"),
          Map.entry(OP_GETATTR, "OP_GETATTR"),
          Map.entry(OP_GETFH, "OP_GETFH"),
          Map.entry(OP_LINK, "OP_LINK"),
          Map.entry(OP_LOCK, "OP_LOCK"),
          Map.entry(OP_LOCKT, "OP_LOCKT"),
          Map.entry(OP_LOCKU, "OP_LOCKU"),
          Map.entry(OP_LOOKUP, "OP_LOOKUP"),
          Map.entry(OP_LOOKUPP, "OP_LOOKUPP"),
          Map.entry(OP_NVERIFY, "OP_NVERIFY"),
          Map.entry(OP_OPEN, "OP_OPEN"),
          Map.entry(OP_OPENATTR, "OP_OPENATTR"),
          Map.entry(OP_OPEN_CONFIRM, "OP_OPEN_CONFIRM"),
          Map.entry(OP_OPEN_DOWNGRADE, "OP_OPEN_DOWNGRADE"),
          Map.entry(OP_PUTFH, "OP_PUTFH"),
          Map.entry(OP_PUTPUBFH, "OP_PUTPUBFH"),
          Map.entry(OP_PUTROOTFH, "OP_PUTROOTFH"),
          Map.entry(OP_READ, "OP_READ"),
          Map.entry(OP_READDIR, "OP_READDIR"),
          Map.entry(OP_READLINK, "OP_READLINK"),
          Map.entry(OP_REMOVE, "OP_REMOVE"),
          Map.entry(OP_RENAME, "OP_RENAME"),
          Map.entry(OP_RENEW, "OP_RENEW"),
          Map.entry(OP_RESTOREFH, "OP_RESTOREFH"),
          Map.entry(OP_SAVEFH, "OP_SAVEFH"),
          Map.entry(OP_SECINFO, "OP_SECINFO"),
          Map.entry(OP_SETATTR, "OP_SETATTR"),
          Map.entry(OP_SETCLIENTID, "OP_SETCLIENTID"),
          Map.entry(OP_SETCLIENTID_CONFIRM, "OP_SETCLIENTID_CONFIRM"),
          Map.entry(OP_VERIFY, "OP_VERIFY"),
          Map.entry(OP_WRITE, "OP_WRITE"),
          Map.entry(OP_RELEASE_LOCKOWNER, "OP_RELEASE_LOCKOWNER"),
          Map.entry(OP_BACKCHANNEL_CTL, "OP_BACKCHANNEL_CTL"),
          Map.entry(OP_BIND_CONN_TO_SESSION, "OP_BIND_CONN_TO_SESSION"),
          Map.entry(OP_EXCHANGE_ID, "OP_EXCHANGE_ID"),
          Map.entry(OP_CREATE_SESSION, "OP_CREATE_SESSION"),
          Map.entry(OP_DESTROY_SESSION, "OP_DESTROY_SESSION"),
          Map.entry(OP_FREE_STATEID, "OP_FREE_STATEID"),
          Map.entry(OP_GET_DIR_DELEGATION, "OP_GET_DIR_DELEGATION"),
          Map.entry(OP_GETDEVICEINFO, "OP_GETDEVICEINFO"),
          Map.entry(OP_GETDEVICELIST, "OP_GETDEVICELIST"),
          Map.entry(OP_LAYOUTCOMMIT, "OP_LAYOUTCOMMIT"),
          Map.entry(OP_LAYOUTGET, "OP_LAYOUTGET"),
          Map.entry(OP_LAYOUTRETURN, "OP_LAYOUTRETURN"),
          Map.entry(OP_SECINFO_NO_NAME, "OP_SECINFO_NO_NAME"),
          Map.entry(OP_SEQUENCE, "OP_SEQUENCE"),
          Map.entry(OP_SET_SSV, "OP_SET_SSV"),
          Map.entry(OP_TEST_STATEID, "OP_TEST_STATEID"),
          Map.entry(OP_WANT_DELEGATION, "OP_WANT_DELEGATION"),
          Map.entry(OP_DESTROY_CLIENTID, "OP_DESTROY_CLIENTID"),
          Map.entry(OP_RECLAIM_COMPLETE, "OP_RECLAIM_COMPLETE"),
          Map.entry(OP_ALLOCATE, "OP_ALLOCATE"),
          Map.entry(OP_COPY, "OP_COPY"),
          Map.entry(OP_COPY_NOTIFY, "OP_COPY_NOTIFY"),
          Map.entry(OP_DEALLOCATE, "OP_DEALLOCATE"),
          Map.entry(OP_IO_ADVISE, "OP_IO_ADVISE"),
          Map.entry(OP_LAYOUTERROR, "OP_LAYOUTERROR"),
          Map.entry(OP_LAYOUTSTATS, "OP_LAYOUTSTATS"),
          Map.entry(OP_OFFLOAD_CANCEL, "OP_OFFLOAD_CANCEL"),
          Map.entry(OP_OFFLOAD_STATUS, "OP_OFFLOAD_STATUS"),
          Map.entry(OP_READ_PLUS, "OP_READ_PLUS"),
          Map.entry(OP_SEEK, "OP_SEEK"),
          Map.entry(OP_WRITE_SAME, "OP_WRITE_SAME"),
          Map.entry(OP_CLONE, "OP_CLONE"),
          Map.entry(OP_GETXATTR, "OP_GETXATTR"),
          Map.entry(OP_SETXATTR, "OP_SETXATTR"),
          Map.entry(OP_LISTXATTRS, "OP_LISTXATTRS"),
          Map.entry(OP_REMOVEXATTR, "OP_REMOVEXATTR"),
          Map.entry(OP_ILLEGAL, "OP_ILLEGAL"));

  private NfsOp4() {}

  /** Returns the name as the RFC spells it, or the number in words if it is none. For logs. */
  public static String name(int value) {
    String name = NAMES.get(value);
    return name != null ? name : "operation " + Integer.toUnsignedString(value);
  }

  /**
   * Returns the highest operation number that a minor version defines; lower ones may have gaps.
   */
  public static int highest(int minorVersion) {
    return switch (minorVersion) {
      case 0 -> OP_RELEASE_LOCKOWNER;
      case 1 -> OP_RECLAIM_COMPLETE;
      default -> OP_REMOVEXATTR;
    };
  }

  /** Returns whether a minor version defines the number as an operation at all. */
  public static boolean isDefined(int minorVersion, int opcode) {
    return opcode >= OP_ACCESS && opcode <= highest(minorVersion);
  }
}
