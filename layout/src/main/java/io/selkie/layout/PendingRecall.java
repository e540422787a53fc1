package io.selkie.layout;

import io.selkie.lease.ByteRange;

/**
 * One CB_LAYOUTRECALL to one client: pending until the client returned the whole of its scope, said
 * that it holds nothing there, or was fenced (RFC 8881 section 12.5.5.1). Guarded by its file's
 * lock.
 */
final class PendingRecall {
  final Recall recall;
  final Hold hold;
  final ByteRange scope;

  /** The seqid in lor_stateid. */
  final int seqid;

  /** The present back-off; each has its own. */
  TimerSlot resend = new TimerSlot();

  /** The client said NFS4_OK. */
  boolean answered;

  /** Nothing reached the client, or nobody knows whether: worth sending when it is back. */
  boolean undelivered;

  /** Sent and not answered yet. */
  boolean inTransit;

  int sent;
  boolean over;

  PendingRecall(Recall recall, Hold hold, ByteRange scope, int seqid) {
    this.recall = recall;
    this.hold = hold;
    this.scope = scope;
    this.seqid = seqid;
  }
}
