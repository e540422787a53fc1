package io.selkie.layout;

import io.selkie.lease.ByteRange;

/** A change that is asked for, and its answer. */
final class ChangeOp {
  final FileChange change;
  final ByteRange range;
  final long clientId;
  ChangePermit answer;

  ChangeOp(FileChange change, ByteRange range, long clientId) {
    this.change = change;
    this.range = change == FileChange.SHRINK || change == FileChange.WRITE ? range : Ranges.WHOLE;
    this.clientId = clientId;
  }
}
