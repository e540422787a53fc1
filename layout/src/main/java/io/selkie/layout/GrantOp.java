package io.selkie.layout;

import io.selkie.layout.LayoutArbiter.LayoutGetRequest;
import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.lease.ByteRange;
import io.selkie.lease.Seal;
import io.selkie.lease.Sealer.Preparation;
import io.selkie.protocol.nfs4.LayoutConst4;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;

/** A LAYOUTGET on its way. Guarded by its file's lock but for the final fields. */
final class GrantOp {
  final LayoutGetRequest request;
  final LayoutType type;

  /** What is to be sealed and verified: aligned, bounded. */
  final ByteRange range;

  /** How much of it may be allocated for a read-write grant. */
  final Preparation preparation;

  /** Most extents of one grant. */
  final int extentsMax;

  final CompletableFuture<LayoutGetResult> answer = new CompletableFuture<>();

  /** Bounds the present wait; each wait has its own. */
  TimerSlot wait = new TimerSlot();

  /** The seal to extend; null when a new one must be made. Written before the worker starts. */
  Seal seal;

  /** How often it was done again because writes came in between. */
  int attempts;

  /** Place in the order in which requests came. */
  long order;

  /** The worker registers handles, or may: the seal must stay until it is done. */
  boolean registering;

  /** What broke off the worker and must go on to the top of its thread; null when nothing did. */
  Error error;

  /** Whether a write would move blocks that it names; known before it registers. */
  boolean sharesBlocks;

  boolean seqidChecked;
  boolean queued;

  /** Why it must not be granted although it is being worked on; null when it may. */
  private String doom;

  private int doomStatus;

  /**
   * What was written through the server since the worker started, or around it; null if nothing.
   */
  private ByteRange written;

  GrantOp(
      LayoutGetRequest request,
      LayoutType type,
      ByteRange range,
      Preparation preparation,
      int extentsMax) {
    this.request = request;
    this.type = type;
    this.range = range;
    this.preparation = preparation;
    this.extentsMax = extentsMax;
  }

  long clientId() {
    return request.clientId();
  }

  boolean isReadWrite() {
    return request.ioMode() == LayoutConst4.LAYOUTIOMODE4_RW;
  }

  /** Whether its handles name places on the storage: block layouts. */
  boolean namesStorage() {
    return type.names() == Seal.Names.STORAGE;
  }

  /** Whether its client will write whole blocks, of which the file's last one may be one. */
  boolean writesBlocks() {
    return isReadWrite() && namesStorage();
  }

  Hold.Key key() {
    return new Hold.Key(
        request.clientId(), request.layoutType(), ByteBuffer.wrap(request.fileHandle()));
  }

  void doom(int status, String reason) {
    if (doom == null) {
      doom = reason;
      doomStatus = status;
    }
  }

  boolean isDoomed() {
    return doom != null;
  }

  String doomReason() {
    return doom;
  }

  int doomStatus() {
    return doomStatus;
  }

  void touched(ByteRange range) {
    written = written == null ? range : Ranges.hull(written, range);
  }

  boolean wasWritten(ByteRange range) {
    return written != null && written.overlaps(range);
  }

  void again() {
    attempts++;
    written = null;
  }
}
