package io.selkie.protocol.nfs4;

import java.util.Map;

/** nfs_cb_opnum4: the operations of a CB_COMPOUND (RFC 8881 section 20, RFC 7862 section 16). */
public final class NfsCbOp4 {

  public static final int OP_CB_GETATTR = 3;
  public static final int OP_CB_RECALL = 4;
  public static final int OP_CB_LAYOUTRECALL = 5;
  public static final int OP_CB_NOTIFY = 6;
  public static final int OP_CB_PUSH_DELEG = 7;
  public static final int OP_CB_RECALL_ANY = 8;
  public static final int OP_CB_RECALLABLE_OBJ_AVAIL = 9;
  public static final int OP_CB_RECALL_SLOT = 10;
  public static final int OP_CB_SEQUENCE = 11;
  public static final int OP_CB_WANTS_CANCELLED = 12;
  public static final int OP_CB_NOTIFY_LOCK = 13;
  public static final int OP_CB_NOTIFY_DEVICEID = 14;
  public static final int OP_CB_OFFLOAD = 15;
  public static final int OP_CB_ILLEGAL = 10044;

  private static final Map<Integer, String> NAMES =
      Map.ofEntries(
          Map.entry(OP_CB_GETATTR, "OP_CB_GETATTR"),
          Map.entry(OP_CB_RECALL, "OP_CB_RECALL"),
          Map.entry(OP_CB_LAYOUTRECALL, "OP_CB_LAYOUTRECALL"),
          Map.entry(OP_CB_NOTIFY, "OP_CB_NOTIFY"),
          Map.entry(OP_CB_PUSH_DELEG, "OP_CB_PUSH_DELEG"),
          Map.entry(OP_CB_RECALL_ANY, "OP_CB_RECALL_ANY"),
          Map.entry(OP_CB_RECALLABLE_OBJ_AVAIL, "OP_CB_RECALLABLE_OBJ_AVAIL"),
          Map.entry(OP_CB_RECALL_SLOT, "OP_CB_RECALL_SLOT"),
          Map.entry(OP_CB_SEQUENCE, "OP_CB_SEQUENCE"),
          Map.entry(OP_CB_WANTS_CANCELLED, "OP_CB_WANTS_CANCELLED"),
          Map.entry(OP_CB_NOTIFY_LOCK, "OP_CB_NOTIFY_LOCK"),
          Map.entry(OP_CB_NOTIFY_DEVICEID, "OP_CB_NOTIFY_DEVICEID"),
          Map.entry(OP_CB_OFFLOAD, "OP_CB_OFFLOAD"),
          Map.entry(OP_CB_ILLEGAL, "OP_CB_ILLEGAL"));

  private NfsCbOp4() {}

  /** Returns the name as the RFC spells it, or the number in words if it is none. For logs. */
  public static String name(int value) {
    String name = NAMES.get(value);
    return name != null ? name : "callback operation " + Integer.toUnsignedString(value);
  }
}
