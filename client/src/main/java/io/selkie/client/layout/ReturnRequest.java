package io.selkie.client.layout;

import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Stateid4;

/**
 * What is to be returned, and why.
 *
 * @param start first byte
 * @param end the byte after the last, {@link Long#MAX_VALUE} for the end of the file
 * @param ioMode LAYOUTIOMODE4_*
 * @param recallStateid the stateid of the recall that asks for it, or null
 * @param usedView the view that failed, or null: if nothing of it is held, that was done already
 * @param isRevoked the server has taken the layout already
 */
record ReturnRequest(
    long start,
    long end,
    int ioMode,
    Stateid4 recallStateid,
    LayoutView usedView,
    boolean isRevoked) {

  static ReturnRequest all() {
    return range(0, Long.MAX_VALUE);
  }

  static ReturnRequest range(long start, long end) {
    return new ReturnRequest(start, end, LayoutConst4.LAYOUTIOMODE4_ANY, null, null, false);
  }

  static ReturnRequest recalled(long start, long end, Stateid4 stateid) {
    return new ReturnRequest(start, end, LayoutConst4.LAYOUTIOMODE4_ANY, stateid, null, false);
  }

  static ReturnRequest ofView(LayoutView used) {
    return new ReturnRequest(0, Long.MAX_VALUE, LayoutConst4.LAYOUTIOMODE4_ANY, null, used, false);
  }

  static ReturnRequest revoked() {
    return new ReturnRequest(0, Long.MAX_VALUE, LayoutConst4.LAYOUTIOMODE4_ANY, null, null, true);
  }

  /** The stateid to present: a recall's own first (RFC 8881 section 12.5.5.2.1.2). */
  Stateid4 stateidOr(Stateid4 held) {
    return recallStateid != null && recallStateid.sameOther(held) ? recallStateid : held;
  }
}
