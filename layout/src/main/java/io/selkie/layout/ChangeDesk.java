package io.selkie.layout;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;

import io.selkie.lease.ByteRange;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Changes to one file through the server: permits that are open, and reservations of those who were
 * told to come back.
 */
final class ChangeDesk {
  private final FileLayouts file;
  private final List<Permit> permits = new ArrayList<>(1);
  private final List<Reservation> reservations = new ArrayList<>(0);
  private long lastOrder;
  private boolean expiryTimerRuns;
  private Consumer<Permit> onClose = _ -> {};

  ChangeDesk(FileLayouts file) {
    this.file = file;
  }

  /** Where permits report that they are closed. */
  void onClose(Consumer<Permit> listener) {
    onClose = listener;
  }

  boolean isIdle() {
    return permits.isEmpty() && reservations.isEmpty();
  }

  // ------------------------------------------------------------------ permits

  /**
   * The way of nearly every NFS WRITE: nobody holds a hole or shared blocks, nobody wants a layout.
   * Emits nothing.
   *
   * @return null when the change must be judged
   */
  ChangePermit permitAtOnce(FileChange change, ByteRange range, long clientId) {
    if (change.concernsDelegationsOnly()) {
      return file.delegations.isFreeFor(change, clientId) && reservations.isEmpty()
          ? permit(change, range, clientId)
          : null;
    }
    if ((change != FileChange.WRITE && change != FileChange.READ_STORED)
        || !file.delegations.isFreeFor(change, clientId)
        || file.hasMoving()
        || file.returns.isCommitting(0)
        || !file.grants.isIdle()
        || !reservations.isEmpty()) {
      return null;
    }
    return permit(change, range, clientId);
  }

  private Permit permit(FileChange change, ByteRange range, long clientId) {
    Permit permit = new Permit(change, range, clientId, onClose);
    permits.add(permit);
    moves(permit);
    return permit;
  }

  /** Closes without an event when nobody waits for it; false when there must be one. */
  boolean closeQuietly(Permit permit) {
    if (!file.grants.isIdle()) {
      return false;
    }
    closed(permit);
    return true;
  }

  void closed(Permit permit) {
    permits.remove(permit);
    moves(permit);
  }

  private void moves(Permit permit) {
    if (permit.change.concernsBlocks()) {
      file.mapMoves();
    }
  }

  void asked(ChangeOp op) {
    purge();
    String delegated = file.delegations.conflict(op);
    String delay =
        switch (op.change) {
          case READ, OPEN_READ, OPEN_WRITE, METADATA -> null;
          case READ_STORED -> readStored(op);
          case WRITE -> write(op);
          case SHRINK -> take(op, RecallCause.TRUNCATE, op.range, false);
          case PUNCH -> take(op, RecallCause.PUNCH, op.range, false);
          case REMAP, SHARE -> take(op, RecallCause.REMAP, op.range, false);
          case ACCESS_CHANGE -> take(op, RecallCause.ACCESS_CHANGE, Ranges.WHOLE, false);
          case CONFLICTING_OPEN -> take(op, RecallCause.CONFLICTING_OPEN, Ranges.WHOLE, true);
          case REOPEN -> reopen(op);
        };
    if (delegated != null) {
      reserve(op.change, op.range, op.clientId, file.delegations.deadlineNanos());
    }
    if (delay == null && delegated == null) {
      served(op.change, op.range, op.clientId);
      op.answer = permit(op.change, op.range, op.clientId);
    } else {
      boolean soon =
          op.change == FileChange.REOPEN
              ? file.liveParts() == 0 && !file.delegations.isEmpty()
              : delay == null;
      op.answer = new ChangePermit.Delay(delay == null ? delegated : delay, soon);
    }
  }

  private String write(ChangeOp op) {
    GrantOp working = file.grants.working();
    if (working != null
        && working.registering
        && working.sharesBlocks
        && working.range.overlaps(op.range)) {
      working.doom(NFS4ERR_LAYOUTTRYLATER, "its blocks are about to be copied by a write");
      reserve(op.change, op.range, op.clientId, file.now());
      return "a layout over shared blocks is being granted";
    }
    if (file.returns.isCommitting(0)) {
      reserve(op.change, op.range, op.clientId, file.now());
      return "a commit changes the file just now";
    }
    if (file.hasMoving()) {
      RecallDesk.InTheWay moving = file.recalls.movingIn(op.range, op.clientId, false);
      if (moving != null) {
        reserve(op.change, op.range, op.clientId, moving.untilNanos());
        return moving.why() + ": the write would change blocks that are granted";
      }
    }
    if (working != null && working.writesBlocks()) {
      // The write may move the end, and zero the rest of the block in which it was.
      working.touched(Ranges.WHOLE);
    } else if (working != null && working.range.overlaps(op.range)) {
      working.touched(op.range);
    }
    return null;
  }

  /**
   * What a client may be writing to the device is not in the page cache, or an old state of it is.
   */
  private String readStored(ChangeOp op) {
    if (file.returns.isCommitting(0)) {
      reserve(op.change, op.range, op.clientId, file.now());
      return "a commit changes the file just now";
    }
    GrantOp working = file.grants.working();
    if (working != null && working.writesBlocks()) {
      working.doom(NFS4ERR_LAYOUTTRYLATER, "the file is about to be read through the server");
      reserve(op.change, op.range, op.clientId, file.now());
      return "a layout is being granted";
    }
    RecallDesk.InTheWay writers =
        file.recalls.hasBlockWriters() ? file.recalls.writersBut(0) : null;
    if (writers == null) {
      return null;
    }
    reserve(op.change, op.range, op.clientId, writers.untilNanos());
    return writers.why() + ": what clients write is not in the page cache";
  }

  private String take(ChangeOp op, RecallCause cause, ByteRange taken, boolean othersOnly) {
    if (op.change.concernsBlocks() && file.returns.isCommitting(0)) {
      file.returns.cancelUnheld();
      reserve(op.change, op.range, op.clientId, file.now());
      return "a commit changes the file just now";
    }
    String delay = null;
    GrantOp working = file.grants.working();
    // A new end has the rest of the block zeroed in which the old one is, and with it what a
    // client wrote there and has not committed: whoever writes blocks goes, wherever they are.
    boolean all =
        op.change.mayMoveEnd()
            && (file.recalls.hasBlockWriters() || (working != null && working.writesBlocks()));
    ByteRange range = all ? Ranges.WHOLE : taken;
    if (working != null
        && (working.range.overlaps(taken) || (all && working.writesBlocks()))
        && !(othersOnly && working.clientId() == op.clientId)) {
      working.doom(NFS4ERR_LAYOUTTRYLATER, "the file is about to change: " + op.change);
      reserve(op.change, all ? range : op.range, op.clientId, file.now());
      delay = "a layout is being granted";
    }
    List<Part> parts = file.partsIn(range);
    parts.removeIf(part -> !part.range.overlaps(taken) && !part.excludesOtherWriters());
    if (othersOnly) {
      parts.removeIf(part -> part.segment != null && part.clientId() == op.clientId);
    }
    boolean frees = op.change == FileChange.SHRINK || op.change == FileChange.PUNCH;
    if (frees && file.returns.isFlushing(taken)) {
      // A layout may be returned while it is flushed. The flush touches pages, and those behind the
      // new end, or in the hole, would be gone under it. While something is still held the recall
      // sets the pace.
      if (parts.isEmpty()) {
        file.returns.cancelFlushes(taken);
      }
      reserve(op.change, op.range, op.clientId, file.now());
      delay = "a flush is running there";
    }
    if (parts.isEmpty()) {
      return delay;
    }
    Recall recall = file.recalls.take(cause, range, othersOnly ? op.clientId : 0, parts);
    long until = recall == null ? file.now() : recall.deadlineNanos;
    reserve(op.change, all ? range : op.range, op.clientId, until);
    return recall == null ? "handles are being invalidated" : "recall " + recall.id;
  }

  /** Whether somebody is changing bytes, blocks or the size: a commit of blocks must wait. */
  boolean isChanging() {
    return permits.stream().anyMatch(permit -> permit.change.concernsBlocks());
  }

  private String reopen(ChangeOp op) {
    if (file.state() == FileState.UNSEALED) {
      return null;
    }
    long id = file.recalls.takeSealFor(RecallCause.REOPEN);
    reserve(op.change, op.range, op.clientId, file.now() + file.policy().recallTimeoutNanos());
    return "recall " + id + ": the seal must go";
  }

  /** Whether a grant must wait for a change that is being made. */
  boolean isBlocking(GrantOp op) {
    for (Permit permit : permits) {
      if (permit.blocks(op)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether somebody is at something, or will be, that a delegation would forbid: another client,
   * or anybody who opens the description anew, for which there must be no seal.
   */
  boolean isAgainst(DelegationOp op) {
    purge();
    for (Permit permit : permits) {
      if (isAgainst(op, permit.clientId, permit.change)) {
        return true;
      }
    }
    for (Reservation reservation : reservations) {
      if (isAgainst(op, reservation.clientId(), reservation.change())) {
        return true;
      }
    }
    return false;
  }

  /** A change of null is a read-write LAYOUTGET. */
  private static boolean isAgainst(DelegationOp op, long clientId, FileChange change) {
    return change == FileChange.REOPEN
        || (clientId != op.clientId()
            && (op.type() == DelegationType.WRITE || change == null || !change.isRead()));
  }

  /** Notes the writes that a grant meets when it starts. */
  void markWrites(GrantOp op) {
    for (Permit permit : permits) {
      if (permit.change == FileChange.WRITE && permit.range.overlaps(op.range)) {
        op.touched(permit.range);
      }
    }
  }

  // ------------------------------------------------------------------ reservations

  /** Keeps the file free for a read-write LAYOUTGET that is being refused. */
  void reserve(GrantOp op, long fromNanos) {
    if (op.isReadWrite()) {
      reserve(null, op.range, op.clientId(), fromNanos);
    }
  }

  private void reserve(FileChange change, ByteRange range, long clientId, long fromNanos) {
    long order = nextOrder();
    for (Reservation old : List.copyOf(reservations)) {
      if (old.isOf(change, range, clientId)) {
        order = Math.min(order, old.order());
      }
    }
    served(change, range, clientId);
    if (reservations.size() >= file.policy().reservationsPerFileMax()
        || !file.context.clients().add(clientId, file.identity)) {
      return;
    }
    long expiresAt = Math.max(fromNanos, file.now()) + file.policy().reservationNanos();
    reservations.add(new Reservation(change, range, clientId, expiresAt, order));
    startExpiryTimer();
  }

  /** What was waited for is over: whoever was told to come back should do so soon. */
  void shortenReservations() {
    long latest = file.now() + file.policy().reservationNanos();
    reservations.replaceAll(reservation ->
        reservation.expiresAtNanos() <= latest ? reservation : reservation.until(latest));
  }

  /** What was reserved has happened. */
  void served(FileChange change, ByteRange range, long clientId) {
    remove(reservation -> reservation.isOf(change, range, clientId));
  }

  void dropClient(long clientId) {
    remove(reservation -> reservation.clientId() == clientId);
  }

  /** Place in the order in which requests and reservations came. */
  long nextOrder() {
    lastOrder++;
    return lastOrder;
  }

  /** Whether somebody who came before is to be served first. */
  boolean isReservedAgainst(GrantOp op) {
    if (reservations.isEmpty()) {
      return false;
    }
    purge();
    long own = op.order;
    for (Reservation reservation : reservations) {
      if (reservation.isOf(null, op.range, op.clientId())) {
        own = Math.min(own, reservation.order());
      }
    }
    for (Reservation reservation : reservations) {
      if (reservation.order() < own
          && reservation.blocks(op.clientId(), op.isReadWrite(), op.range)) {
        return true;
      }
    }
    return false;
  }

  void reservationsDue() {
    expiryTimerRuns = false;
    purge();
    startExpiryTimer();
  }

  private void purge() {
    remove(reservation -> reservation.expiresAtNanos() <= file.now());
  }

  private void remove(Predicate<Reservation> over) {
    if (reservations.isEmpty()) {
      return;
    }
    reservations.removeIf(reservation -> {
      if (!over.test(reservation)) {
        return false;
      }
      file.context.clients().remove(reservation.clientId(), file.identity);
      return true;
    });
  }

  private void startExpiryTimer() {
    if (expiryTimerRuns || reservations.isEmpty()) {
      return;
    }
    expiryTimerRuns = true;
    long earliest = Long.MAX_VALUE;
    for (Reservation reservation : reservations) {
      earliest = Math.min(earliest, reservation.expiresAtNanos());
    }
    file.emit(
        new Effect.StartTimer(
            new TimerSlot(), earliest - file.now(), new FileEvent.ReservationsDue()));
  }
}
