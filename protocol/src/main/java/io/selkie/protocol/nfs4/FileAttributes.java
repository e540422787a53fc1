package io.selkie.protocol.nfs4;

import java.util.Map;

/**
 * Attribute numbers: the bits of an attribute bitmap (RFC 8881 section 5, RFC 7862 section 12, RFC
 * 8275, RFC 8276).
 */
public final class FileAttributes {

  public static final int FATTR4_SUPPORTED_ATTRS = 0;
  public static final int FATTR4_TYPE = 1;
  public static final int FATTR4_FH_EXPIRE_TYPE = 2;
  public static final int FATTR4_CHANGE = 3;
  public static final int FATTR4_SIZE = 4;
  public static final int FATTR4_LINK_SUPPORT = 5;
  public static final int FATTR4_SYMLINK_SUPPORT = 6;
  public static final int FATTR4_NAMED_ATTR = 7;
  public static final int FATTR4_FSID = 8;
  public static final int FATTR4_UNIQUE_HANDLES = 9;
  public static final int FATTR4_LEASE_TIME = 10;
  public static final int FATTR4_RDATTR_ERROR = 11;
  public static final int FATTR4_ACL = 12;
  public static final int FATTR4_ACLSUPPORT = 13;
  public static final int FATTR4_ARCHIVE = 14;
  public static final int FATTR4_CANSETTIME = 15;
  public static final int FATTR4_CASE_INSENSITIVE = 16;
  public static final int FATTR4_CASE_PRESERVING = 17;
  public static final int FATTR4_CHOWN_RESTRICTED = 18;
  public static final int FATTR4_FILEHANDLE = 19;
  public static final int FATTR4_FILEID = 20;
  public static final int FATTR4_FILES_AVAIL = 21;
  public static final int FATTR4_FILES_FREE = 22;
  public static final int FATTR4_FILES_TOTAL = 23;
  public static final int FATTR4_FS_LOCATIONS = 24;
  public static final int FATTR4_HIDDEN = 25;
  public static final int FATTR4_HOMOGENEOUS = 26;
  public static final int FATTR4_MAXFILESIZE = 27;
  public static final int FATTR4_MAXLINK = 28;
  public static final int FATTR4_MAXNAME = 29;
  public static final int FATTR4_MAXREAD = 30;
  public static final int FATTR4_MAXWRITE = 31;
  public static final int FATTR4_MIMETYPE = 32;
  public static final int FATTR4_MODE = 33;
  public static final int FATTR4_NO_TRUNC = 34;
  public static final int FATTR4_NUMLINKS = 35;
  public static final int FATTR4_OWNER = 36;
  public static final int FATTR4_OWNER_GROUP = 37;
  public static final int FATTR4_QUOTA_AVAIL_HARD = 38;
  public static final int FATTR4_QUOTA_AVAIL_SOFT = 39;
  public static final int FATTR4_QUOTA_USED = 40;
  public static final int FATTR4_RAWDEV = 41;
  public static final int FATTR4_SPACE_AVAIL = 42;
  public static final int FATTR4_SPACE_FREE = 43;
  public static final int FATTR4_SPACE_TOTAL = 44;
  public static final int FATTR4_SPACE_USED = 45;
  public static final int FATTR4_SYSTEM = 46;
  public static final int FATTR4_TIME_ACCESS = 47;
  public static final int FATTR4_TIME_ACCESS_SET = 48;
  public static final int FATTR4_TIME_BACKUP = 49;
  public static final int FATTR4_TIME_CREATE = 50;
  public static final int FATTR4_TIME_DELTA = 51;
  public static final int FATTR4_TIME_METADATA = 52;
  public static final int FATTR4_TIME_MODIFY = 53;
  public static final int FATTR4_TIME_MODIFY_SET = 54;
  public static final int FATTR4_MOUNTED_ON_FILEID = 55;
  public static final int FATTR4_DIR_NOTIF_DELAY = 56;
  public static final int FATTR4_DIRENT_NOTIF_DELAY = 57;
  public static final int FATTR4_DACL = 58;
  public static final int FATTR4_SACL = 59;
  public static final int FATTR4_CHANGE_POLICY = 60;
  public static final int FATTR4_FS_STATUS = 61;
  public static final int FATTR4_FS_LAYOUT_TYPES = 62;
  public static final int FATTR4_LAYOUT_HINT = 63;
  public static final int FATTR4_LAYOUT_TYPES = 64;
  public static final int FATTR4_LAYOUT_BLKSIZE = 65;
  public static final int FATTR4_LAYOUT_ALIGNMENT = 66;
  public static final int FATTR4_FS_LOCATIONS_INFO = 67;
  public static final int FATTR4_MDSTHRESHOLD = 68;
  public static final int FATTR4_RETENTION_GET = 69;
  public static final int FATTR4_RETENTION_SET = 70;
  public static final int FATTR4_RETENTEVT_GET = 71;
  public static final int FATTR4_RETENTEVT_SET = 72;
  public static final int FATTR4_RETENTION_HOLD = 73;
  public static final int FATTR4_MODE_SET_MASKED = 74;
  public static final int FATTR4_SUPPATTR_EXCLCREAT = 75;
  public static final int FATTR4_FS_CHARSET_CAP = 76;
  public static final int FATTR4_CLONE_BLKSIZE = 77;
  public static final int FATTR4_SPACE_FREED = 78;
  public static final int FATTR4_CHANGE_ATTR_TYPE = 79;
  public static final int FATTR4_SEC_LABEL = 80;
  public static final int FATTR4_MODE_UMASK = 81;
  public static final int FATTR4_XATTR_SUPPORT = 82;

  /** RFC 9754. */
  public static final int FATTR4_TIME_DELEG_ACCESS = 84;

  /** RFC 9754. */
  public static final int FATTR4_TIME_DELEG_MODIFY = 85;

  /** RFC 9754. */
  public static final int FATTR4_OPEN_ARGUMENTS = 86;

  private static final Map<Integer, String> NAMES =
      Map.ofEntries(
          Map.entry(FATTR4_SUPPORTED_ATTRS, "FATTR4_SUPPORTED_ATTRS"),
          Map.entry(FATTR4_TYPE, "FATTR4_TYPE"),
          Map.entry(FATTR4_FH_EXPIRE_TYPE, "FATTR4_FH_EXPIRE_TYPE"),
          Map.entry(FATTR4_CHANGE, "FATTR4_CHANGE"),
          Map.entry(FATTR4_SIZE, "FATTR4_SIZE"),
          Map.entry(FATTR4_LINK_SUPPORT, "FATTR4_LINK_SUPPORT"),
          Map.entry(FATTR4_SYMLINK_SUPPORT, "FATTR4_SYMLINK_SUPPORT"),
          Map.entry(FATTR4_NAMED_ATTR, "FATTR4_NAMED_ATTR"),
          Map.entry(FATTR4_FSID, "FATTR4_FSID"),
          Map.entry(FATTR4_UNIQUE_HANDLES, "FATTR4_UNIQUE_HANDLES"),
          Map.entry(FATTR4_LEASE_TIME, "FATTR4_LEASE_TIME"),
          Map.entry(FATTR4_RDATTR_ERROR, "FATTR4_RDATTR_ERROR"),
          Map.entry(FATTR4_ACL, "FATTR4_ACL"),
          Map.entry(FATTR4_ACLSUPPORT, "FATTR4_ACLSUPPORT"),
          Map.entry(FATTR4_ARCHIVE, "FATTR4_ARCHIVE"),
          Map.entry(FATTR4_CANSETTIME, "FATTR4_CANSETTIME"),
          Map.entry(FATTR4_CASE_INSENSITIVE, "FATTR4_CASE_INSENSITIVE"),
          Map.entry(FATTR4_CASE_PRESERVING, "FATTR4_CASE_PRESERVING"),
          Map.entry(FATTR4_CHOWN_RESTRICTED, "FATTR4_CHOWN_RESTRICTED"),
          Map.entry(FATTR4_FILEHANDLE, "FATTR4_FILEHANDLE"),
          Map.entry(FATTR4_FILEID, "FATTR4_FILEID"),
          Map.entry(FATTR4_FILES_AVAIL, "FATTR4_FILES_AVAIL"),
          Map.entry(FATTR4_FILES_FREE, "FATTR4_FILES_FREE"),
          Map.entry(FATTR4_FILES_TOTAL, "FATTR4_FILES_TOTAL"),
          Map.entry(FATTR4_FS_LOCATIONS, "FATTR4_FS_LOCATIONS"),
          Map.entry(FATTR4_HIDDEN, "FATTR4_HIDDEN"),
          Map.entry(FATTR4_HOMOGENEOUS, "FATTR4_HOMOGENEOUS"),
          Map.entry(FATTR4_MAXFILESIZE, "FATTR4_MAXFILESIZE"),
          Map.entry(FATTR4_MAXLINK, "FATTR4_MAXLINK"),
          Map.entry(FATTR4_MAXNAME, "FATTR4_MAXNAME"),
          Map.entry(FATTR4_MAXREAD, "FATTR4_MAXREAD"),
          Map.entry(FATTR4_MAXWRITE, "FATTR4_MAXWRITE"),
          Map.entry(FATTR4_MIMETYPE, "FATTR4_MIMETYPE"),
          Map.entry(FATTR4_MODE, "FATTR4_MODE"),
          Map.entry(FATTR4_NO_TRUNC, "FATTR4_NO_TRUNC"),
          Map.entry(FATTR4_NUMLINKS, "FATTR4_NUMLINKS"),
          Map.entry(FATTR4_OWNER, "FATTR4_OWNER"),
          Map.entry(FATTR4_OWNER_GROUP, "FATTR4_OWNER_GROUP"),
          Map.entry(FATTR4_QUOTA_AVAIL_HARD, "FATTR4_QUOTA_AVAIL_HARD"),
          Map.entry(FATTR4_QUOTA_AVAIL_SOFT, "FATTR4_QUOTA_AVAIL_SOFT"),
          Map.entry(FATTR4_QUOTA_USED, "FATTR4_QUOTA_USED"),
          Map.entry(FATTR4_RAWDEV, "FATTR4_RAWDEV"),
          Map.entry(FATTR4_SPACE_AVAIL, "FATTR4_SPACE_AVAIL"),
          Map.entry(FATTR4_SPACE_FREE, "FATTR4_SPACE_FREE"),
          Map.entry(FATTR4_SPACE_TOTAL, "FATTR4_SPACE_TOTAL"),
          Map.entry(FATTR4_SPACE_USED, "FATTR4_SPACE_USED"),
          Map.entry(FATTR4_SYSTEM, "FATTR4_SYSTEM"),
          Map.entry(FATTR4_TIME_ACCESS, "FATTR4_TIME_ACCESS"),
          Map.entry(FATTR4_TIME_ACCESS_SET, "FATTR4_TIME_ACCESS_SET"),
          Map.entry(FATTR4_TIME_BACKUP, "FATTR4_TIME_BACKUP"),
          Map.entry(FATTR4_TIME_CREATE, "FATTR4_TIME_CREATE"),
          Map.entry(FATTR4_TIME_DELTA, "FATTR4_TIME_DELTA"),
          Map.entry(FATTR4_TIME_METADATA, "FATTR4_TIME_METADATA"),
          Map.entry(FATTR4_TIME_MODIFY, "FATTR4_TIME_MODIFY"),
          Map.entry(FATTR4_TIME_MODIFY_SET, "FATTR4_TIME_MODIFY_SET"),
          Map.entry(FATTR4_MOUNTED_ON_FILEID, "FATTR4_MOUNTED_ON_FILEID"),
          Map.entry(FATTR4_DIR_NOTIF_DELAY, "FATTR4_DIR_NOTIF_DELAY"),
          Map.entry(FATTR4_DIRENT_NOTIF_DELAY, "FATTR4_DIRENT_NOTIF_DELAY"),
          Map.entry(FATTR4_DACL, "FATTR4_DACL"),
          Map.entry(FATTR4_SACL, "FATTR4_SACL"),
          Map.entry(FATTR4_CHANGE_POLICY, "FATTR4_CHANGE_POLICY"),
          Map.entry(FATTR4_FS_STATUS, "FATTR4_FS_STATUS"),
          Map.entry(FATTR4_FS_LAYOUT_TYPES, "FATTR4_FS_LAYOUT_TYPES"),
          Map.entry(FATTR4_LAYOUT_HINT, "FATTR4_LAYOUT_HINT"),
          Map.entry(FATTR4_LAYOUT_TYPES, "FATTR4_LAYOUT_TYPES"),
          Map.entry(FATTR4_LAYOUT_BLKSIZE, "FATTR4_LAYOUT_BLKSIZE"),
          Map.entry(FATTR4_LAYOUT_ALIGNMENT, "FATTR4_LAYOUT_ALIGNMENT"),
          Map.entry(FATTR4_FS_LOCATIONS_INFO, "FATTR4_FS_LOCATIONS_INFO"),
          Map.entry(FATTR4_MDSTHRESHOLD, "FATTR4_MDSTHRESHOLD"),
          Map.entry(FATTR4_RETENTION_GET, "FATTR4_RETENTION_GET"),
          Map.entry(FATTR4_RETENTION_SET, "FATTR4_RETENTION_SET"),
          Map.entry(FATTR4_RETENTEVT_GET, "FATTR4_RETENTEVT_GET"),
          Map.entry(FATTR4_RETENTEVT_SET, "FATTR4_RETENTEVT_SET"),
          Map.entry(FATTR4_RETENTION_HOLD, "FATTR4_RETENTION_HOLD"),
          Map.entry(FATTR4_MODE_SET_MASKED, "FATTR4_MODE_SET_MASKED"),
          Map.entry(FATTR4_SUPPATTR_EXCLCREAT, "FATTR4_SUPPATTR_EXCLCREAT"),
          Map.entry(FATTR4_FS_CHARSET_CAP, "FATTR4_FS_CHARSET_CAP"),
          Map.entry(FATTR4_CLONE_BLKSIZE, "FATTR4_CLONE_BLKSIZE"),
          Map.entry(FATTR4_SPACE_FREED, "FATTR4_SPACE_FREED"),
          Map.entry(FATTR4_CHANGE_ATTR_TYPE, "FATTR4_CHANGE_ATTR_TYPE"),
          Map.entry(FATTR4_SEC_LABEL, "FATTR4_SEC_LABEL"),
          Map.entry(FATTR4_MODE_UMASK, "FATTR4_MODE_UMASK"),
          Map.entry(FATTR4_XATTR_SUPPORT, "FATTR4_XATTR_SUPPORT"),
          Map.entry(FATTR4_TIME_DELEG_ACCESS, "FATTR4_TIME_DELEG_ACCESS"),
          Map.entry(FATTR4_TIME_DELEG_MODIFY, "FATTR4_TIME_DELEG_MODIFY"),
          Map.entry(FATTR4_OPEN_ARGUMENTS, "FATTR4_OPEN_ARGUMENTS"));

  private FileAttributes() {}

  /** Returns the name as the RFC spells it, or the number in words if it is none. For logs. */
  public static String name(int value) {
    String name = NAMES.get(value);
    return name != null ? name : "attribute " + Integer.toUnsignedString(value);
  }
}
