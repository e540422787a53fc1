package io.selkie.layout;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADIOMODE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADLAYOUT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELAY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELEG_REVOKED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;

import io.selkie.layout.LayoutArbiter.LayoutReturnResult;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.lease.ByteRange;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** LAYOUTRETURN and LAYOUTCOMMIT on one file. */
final class ReturnDesk {
  private final FileLayouts file;
  private final List<FlushOp> flushes = new ArrayList<>(0);

  ReturnDesk(FileLayouts file) {
    this.file = file;
  }

  // ------------------------------------------------------------------ LAYOUTRETURN

  void returned(FileEvent.Return event) {
    Hold hold = file.hold(event.clientId(), event.layoutType(), event.stateid());
    int status = check(hold, event.clientId(), event.stateid());
    if (status != NFS4_OK) {
      file.emit(
          new Effect.Answer<>(event.answer(), new LayoutReturnResult(status, Optional.empty())));
      return;
    }
    List<Part> going = new ArrayList<>();
    List<Part> awaited = new ArrayList<>();
    long bytes = 0;
    for (Part part : hold.live()) {
      if (!part.segment.isOf(event.ioMode()) || !part.range.overlaps(event.range())) {
        continue;
      }
      if (!part.state().isHeld()) {
        // Somebody else's return, or an earlier one, is not finished: this one ends after it.
        awaited.add(part);
      } else if (part.giveBack(event.range())) {
        going.add(part);
        awaited.add(part);
        bytes += part.range.length();
      }
    }
    PendingRecall answered = pendingWithin(hold, event.range());
    file.tell(
        Step.LAYOUT_RETURNED,
        answered == null ? 0 : answered.recall.id,
        hold.clientId,
        answered == null ? null : answered.recall.cause,
        bytes,
        "parts " + going.size());
    Stateid4 next = hold.advance();
    Waiter<LayoutReturnResult> waiter = new Waiter<>(event.answer());
    awaited.forEach(part -> part.await(waiter));
    going.forEach(part -> file.retire(part, LayoutState.RETURNING));
    endRecalls(hold, event.range());
    boolean over = hold.isOver();
    file.endHoldIfOver(hold);
    if (waiter.answer(
        new LayoutReturnResult(NFS4_OK, over ? Optional.empty() : Optional.of(next)))) {
      file.answerWhenSettled(waiter.effect());
    }
  }

  private int check(Hold hold, long clientId, Stateid4 stateid) {
    if (hold == null) {
      return file.context.ledger().statusOfDead(clientId, stateid);
    }
    return hold.checkSeqid(stateid.seqid(), file.policy().seqidRange());
  }

  private static PendingRecall pendingWithin(Hold hold, ByteRange range) {
    for (PendingRecall pending : hold.pending) {
      if (pending.scope.overlaps(range)) {
        return pending;
      }
    }
    return null;
  }

  /**
   * A recall is over when a return names the whole of its scope and nothing is held there any more
   * (RFC 8881 section 12.5.5.1).
   */
  private void endRecalls(Hold hold, ByteRange returned) {
    for (PendingRecall pending : List.copyOf(hold.pending)) {
      if (returned.contains(pending.scope)
          && hold.held().stream().noneMatch(part -> part.range.overlaps(pending.scope))) {
        file.recalls.over(pending);
      }
    }
  }

  /** The client holds nothing in the scope of a recall, whatever we thought. */
  void implicitly(PendingRecall pending) {
    Hold hold = pending.hold;
    long bytes = 0;
    int parts = 0;
    for (Part part : hold.held()) {
      if (part.range.overlaps(pending.scope) && part.giveBack(pending.scope)) {
        bytes += part.range.length();
        parts++;
        file.retire(part, LayoutState.RETURNING);
      }
    }
    file.tell(
        Step.LAYOUT_RETURNED,
        pending.recall.id,
        hold.clientId,
        pending.recall.cause,
        bytes,
        "implicitly, parts " + parts);
    file.recalls.over(pending);
    file.endHoldIfOver(hold);
  }

  void returnedAll(FileEvent.ReturnAll event) {
    if (event.onClose()) {
      // A grant that came out after this would be returned by nobody.
      file.grants.dropClient(event.clientId(), "the client closed the file");
    }
    Waiter<Void> waiter = new Waiter<>(event.answer());
    for (Hold hold : file.holdsOf(event.clientId())) {
      if (event.onClose() ? hold.returnOnClose : hold.layoutType == event.layoutType()) {
        returnHold(hold, event.ioMode(), waiter);
      }
    }
    if (waiter.answer(null)) {
      file.answerWhenSettled(waiter.effect());
    }
  }

  private void returnHold(Hold hold, int ioMode, Waiter<Void> waiter) {
    long bytes = 0;
    int parts = 0;
    for (Part part : hold.live()) {
      if (part.segment.isOf(ioMode)) {
        part.await(waiter);
        if (part.state().isHeld()) {
          bytes += part.range.length();
          parts++;
          file.retire(part, LayoutState.RETURNING);
        }
      }
    }
    PendingRecall answered = pendingWithin(hold, Ranges.WHOLE);
    file.tell(
        Step.LAYOUT_RETURNED,
        answered == null ? 0 : answered.recall.id,
        hold.clientId,
        answered == null ? null : answered.recall.cause,
        bytes,
        "in bulk, parts " + parts);
    if (ioMode == LayoutConst4.LAYOUTIOMODE4_ANY) {
      file.endHold(hold);
    } else {
      endRecalls(hold, Ranges.WHOLE);
      file.endHoldIfOver(hold);
    }
  }

  // ------------------------------------------------------------------ LAYOUTCOMMIT

  /** Judges a LAYOUTCOMMIT; on success the seal may not go before it is flushed. */
  void checkFlush(FlushOp op) {
    Hold hold = file.hold(op.clientId, op.layoutType, op.stateid);
    int status = check(hold, op.clientId, op.stateid);
    if (status != NFS4_OK) {
      op.refuse(status, "the layout stateid is not a current one of this file");
      return;
    }
    if (op.changesMap && isCommitting(0)) {
      op.refuse(NFS4ERR_DELAY, "another commit changes the file just now");
      return;
    }
    if (op.changesMap && file.changes.isChanging()) {
      op.refuse(NFS4ERR_DELAY, "somebody changes the file through the server just now");
      return;
    }
    boolean readable = false;
    List<ByteRange> held = new ArrayList<>();
    for (Part part : hold.held()) {
      ByteRange common = Ranges.intersection(part.range, op.range);
      if (common != null && part.isReadWrite()) {
        held.add(common);
      } else if (common != null) {
        readable = true;
      }
    }
    if (held.isEmpty()) {
      op.refuse(
          readable ? NFS4ERR_BADIOMODE : NFS4ERR_BADLAYOUT,
          readable ? "only a read layout is held there" : "no layout is held there");
      return;
    }
    op.held = merged(held);
    op.hold = hold;
    op.seal = file.seal;
    op.begun = true;
  }

  private static List<ByteRange> merged(List<ByteRange> ranges) {
    ranges.sort(Comparator.comparingLong(ByteRange::offset));
    List<ByteRange> merged = new ArrayList<>();
    for (ByteRange range : ranges) {
      if (!merged.isEmpty() && range.offset() <= merged.getLast().end()) {
        merged.addLast(Ranges.hull(merged.removeLast(), range));
      } else {
        merged.add(range);
      }
    }
    return merged;
  }

  void flushing(FlushOp op) {
    flushes.add(op);
  }

  void flushed(FlushOp op) {
    flushes.remove(op);
  }

  /** The holder is fenced: its flush is not to hold the seal up. */
  void cancelFlushes(Hold hold) {
    for (FlushOp op : flushes) {
      if (op.hold == hold) {
        op.cancelled = NFS4ERR_DELEG_REVOKED;
      }
    }
  }

  /** Nothing is held of the file by who commits: others do not wait for all of its commit. */
  void cancelUnheld() {
    for (FlushOp op : flushes) {
      if (op.changesMap && op.cancelled == NFS4_OK && op.hold.isDead()) {
        op.cancelled = NFS4ERR_BADLAYOUT;
      }
    }
  }

  /** Whether pages of a range are being flushed. */
  boolean isFlushing(ByteRange range) {
    return flushes.stream().anyMatch(op -> touches(op, range));
  }

  /**
   * Whether blocks and size of the file are being changed by a commit, whether or not its layout is
   * still held.
   *
   * @param exceptClientId whose own commits do not count; 0 for nobody's
   */
  boolean isCommitting(long exceptClientId) {
    for (FlushOp op : flushes) {
      if (op.changesMap && op.clientId != exceptClientId) {
        return true;
      }
    }
    return false;
  }

  /** Nothing is held of a range any more and it is to be cut off: its flushes end soon. */
  void cancelFlushes(ByteRange range) {
    for (FlushOp op : flushes) {
      if (op.cancelled == NFS4_OK && touches(op, range)) {
        op.cancelled = NFS4ERR_BADLAYOUT;
      }
    }
  }

  private static boolean touches(FlushOp op, ByteRange range) {
    return op.held.stream().anyMatch(range::overlaps);
  }
}
