package io.selkie.layout;

import io.selkie.lease.ByteRange;
import io.selkie.protocol.nfs4.LayoutConst4;

/** What one LAYOUTGET granted. Guarded by its file's lock. */
final class Segment {
  final Hold hold;
  final ByteRange range;
  final int ioMode;
  final Part[] parts;
  int liveParts;

  /** Place in the hold's list. */
  int index;

  Segment(Hold hold, ByteRange range, int ioMode, Part[] parts) {
    this.hold = hold;
    this.range = range;
    this.ioMode = ioMode;
    this.parts = parts;
    this.liveParts = parts.length;
  }

  boolean isReadWrite() {
    return ioMode == LayoutConst4.LAYOUTIOMODE4_RW;
  }

  boolean isOf(int wantedIoMode) {
    return wantedIoMode == LayoutConst4.LAYOUTIOMODE4_ANY || wantedIoMode == ioMode;
  }
}
