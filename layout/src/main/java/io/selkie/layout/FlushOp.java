package io.selkie.layout;

import io.selkie.lease.ByteRange;
import io.selkie.lease.Seal;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.List;

/** A LAYOUTCOMMIT's flush: while it runs, the seal stays. */
final class FlushOp {
  final long clientId;
  final int layoutType;
  final Stateid4 stateid;
  final ByteRange range;

  /** Whether it changes blocks and size of the file: nobody else may at the same time. */
  final boolean changesMap;

  /** NFS4_OK when it may flush. */
  int status = NfsStat4.NFS4_OK;

  String reason = "";

  /** What to flush, and how it is held. */
  List<ByteRange> held = List.of();

  Seal seal;
  boolean begun;

  /** Not NFS4_OK when the flush is to end before its time: its answer. */
  volatile int cancelled = NfsStat4.NFS4_OK;

  Hold hold;

  FlushOp(long clientId, int layoutType, Stateid4 stateid, ByteRange range, boolean changesMap) {
    this.clientId = clientId;
    this.layoutType = layoutType;
    this.stateid = stateid;
    this.range = range;
    this.changesMap = changesMap;
  }

  void refuse(int nfsStatus, String why) {
    status = nfsStatus;
    reason = why;
  }
}
