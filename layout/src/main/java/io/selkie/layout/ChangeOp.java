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
    this.range =
        switch (change) {
          case SHRINK, PUNCH, REMAP, SHARE, WRITE -> range;
          case ACCESS_CHANGE,
              CONFLICTING_OPEN,
              READ,
              READ_STORED,
              OPEN_READ,
              OPEN_WRITE,
              METADATA,
              REOPEN ->
              Ranges.WHOLE;
        };
    this.clientId = clientId;
  }
}
