package io.selkie.protocol.nfs4;

/** Constants of pNFS layouts (RFC 8881 section 12, RFC 8154, RFC 8435 and the RDMA layout). */
public final class LayoutConst4 {

  // layouttype4

  public static final int LAYOUT4_NFSV4_1_FILES = 1;
  public static final int LAYOUT4_OSD2_OBJECTS = 2;
  public static final int LAYOUT4_BLOCK_VOLUME = 3;
  public static final int LAYOUT4_FLEX_FILES = 4;
  public static final int LAYOUT4_SCSI = 5;

  /** In the private range: the number the draft asks IANA for, with the top bit set. */
  public static final int LAYOUT4_RDMA = 0x80000006;

  // layoutiomode4

  public static final int LAYOUTIOMODE4_READ = 1;
  public static final int LAYOUTIOMODE4_RW = 2;
  public static final int LAYOUTIOMODE4_ANY = 3;

  // layoutreturn_type4 and layoutrecall_type4

  public static final int LAYOUTRETURN4_FILE = 1;
  public static final int LAYOUTRETURN4_FSID = 2;
  public static final int LAYOUTRETURN4_ALL = 3;
  public static final int LAYOUTRECALL4_FILE = 1;
  public static final int LAYOUTRECALL4_FSID = 2;
  public static final int LAYOUTRECALL4_ALL = 3;

  // notify_deviceid_type4: bit numbers

  public static final int NOTIFY_DEVICEID4_CHANGE = 1;
  public static final int NOTIFY_DEVICEID4_DELETE = 2;

  // Bits of craa_type_mask in CB_RECALL_ANY

  public static final int RCA4_TYPE_MASK_RDATA_DLG = 0;
  public static final int RCA4_TYPE_MASK_WDATA_DLG = 1;
  public static final int RCA4_TYPE_MASK_DIR_DLG = 2;
  public static final int RCA4_TYPE_MASK_FILE_LAYOUT = 3;
  public static final int RCA4_TYPE_MASK_BLK_LAYOUT = 4;
  public static final int RCA4_TYPE_MASK_OBJ_LAYOUT_MIN = 8;
  public static final int RCA4_TYPE_MASK_OBJ_LAYOUT_MAX = 9;
  public static final int RCA4_TYPE_MASK_OTHER_LAYOUT_MIN = 12;
  public static final int RCA4_TYPE_MASK_OTHER_LAYOUT_MAX = 15;

  private LayoutConst4() {}
}
