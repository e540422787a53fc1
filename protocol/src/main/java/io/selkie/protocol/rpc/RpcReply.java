package io.selkie.protocol.rpc;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * The header of a reply (RFC 5531 section 9). Decoding fills a mutable object that is reused;
 * encoding needs none. Not thread-safe.
 *
 * <pre>
 *   +-----+---------+-----------------+-------------------+-------------+
 *   | xid | REPLY=1 | MSG_ACCEPTED=0  | verf: flavor, body | accept_stat | results ...
 *   +-----+---------+-----------------+-------------------+-------------+
 *   | xid | REPLY=1 | MSG_DENIED=1    | reject_stat        | low, high or auth_stat
 *   +-----+---------+-----------------+-------------------+
 * </pre>
 */
public final class RpcReply {

  /** The size of an accepted reply's header with an empty verifier. */
  public static final int ACCEPTED_BYTES = 24;

  private int replyStat;
  private int stat;
  private int low;
  private int high;

  /** Creates a header to decode into. */
  public RpcReply() {}

  /** Returns whether the call was accepted and executed: its results follow. */
  public boolean isSuccess() {
    return replyStat == RpcConst.MSG_ACCEPTED && stat == RpcConst.SUCCESS;
  }

  /** MSG_ACCEPTED or MSG_DENIED. */
  public int replyStat() {
    return replyStat;
  }

  /** The accept_stat or reject_stat, depending on {@link #replyStat}. */
  public int stat() {
    return stat;
  }

  /** The lowest version supported when there was a mismatch; the auth_stat of an AUTH_ERROR. */
  public int low() {
    return low;
  }

  /** The highest version supported when there was a mismatch. */
  public int high() {
    return high;
  }

  /**
   * Reads what follows xid and message type.
   *
   * @throws io.selkie.protocol.xdr.XdrException if it is malformed
   */
  public void decode(XdrReader in) {
    low = 0;
    high = 0;
    replyStat = in.enumeration(RpcConst.MSG_ACCEPTED, RpcConst.MSG_DENIED);
    if (replyStat == RpcConst.MSG_ACCEPTED) {
      in.int32();
      in.skipVariableOpaque(RpcConst.AUTH_BODY_MAX);
      stat = in.int32();
      if (stat == RpcConst.PROG_MISMATCH) {
        low = in.int32();
        high = in.int32();
      }
      return;
    }
    stat = in.enumeration(RpcConst.RPC_MISMATCH, RpcConst.AUTH_ERROR);
    low = in.int32();
    if (stat == RpcConst.RPC_MISMATCH) {
      high = in.int32();
    }
  }

  /** Writes the header of an accepted call; for SUCCESS the results follow. */
  public static void encodeAccepted(XdrWriter out, int xid, int acceptStat) {
    out.int32(xid);
    out.int32(RpcConst.REPLY);
    out.int32(RpcConst.MSG_ACCEPTED);
    out.int32(RpcConst.AUTH_NONE);
    out.int32(0);
    out.int32(acceptStat);
  }

  /** Writes a whole PROG_MISMATCH reply. */
  public static void encodeProgramMismatch(XdrWriter out, int xid, int low, int high) {
    encodeAccepted(out, xid, RpcConst.PROG_MISMATCH);
    out.int32(low);
    out.int32(high);
  }

  /** Writes a whole RPC_MISMATCH reply: only version 2 is spoken. */
  public static void encodeRpcMismatch(XdrWriter out, int xid) {
    encodeDenied(out, xid, RpcConst.RPC_MISMATCH);
    out.int32(RpcConst.RPC_VERSION);
    out.int32(RpcConst.RPC_VERSION);
  }

  /** Writes a whole AUTH_ERROR reply. */
  public static void encodeAuthError(XdrWriter out, int xid, int authStat) {
    encodeDenied(out, xid, RpcConst.AUTH_ERROR);
    out.int32(authStat);
  }

  private static void encodeDenied(XdrWriter out, int xid, int rejectStat) {
    out.int32(xid);
    out.int32(RpcConst.REPLY);
    out.int32(RpcConst.MSG_DENIED);
    out.int32(rejectStat);
  }
}
