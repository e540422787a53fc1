package io.selkie.layout;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELAY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELEG_REVOKED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_EXPIRED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_NOMATCHING_LAYOUT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;

import io.selkie.layout.CallbackChannel.LayoutRecall;
import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.lease.ByteRange;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsStat4;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Recalls and fences on one file. A recall has an id, a cause, a scope and a deadline; it ends when
 * the last handle in its scope is dead, by return or by fence. At most one CB_LAYOUTRECALL is under
 * way to a client for the same bytes, however many recalls want them.
 */
final class RecallDesk {

  /** No file system that has block layouts zeroes more behind an end than a block of this size. */
  private static final int LAST_BLOCK_BYTES = 4096;

  private final FileLayouts file;

  /** Those with parts that are not dead. */
  private final List<Recall> recalls = new ArrayList<>(0);

  private boolean sealMustGo;
  private LastRecall last = LastRecall.NONE;

  RecallDesk(FileLayouts file) {
    this.file = file;
  }

  boolean isIdle() {
    return recalls.isEmpty();
  }

  /** Whether the seal is wanted back although it is only being made. */
  boolean sealMustGo() {
    return sealMustGo;
  }

  /** What would be the reason if the seal went now. */
  LastRecall last() {
    return last;
  }

  /** A recall that forbids a grant; null when none does. */
  Recall blocking(long clientId, ByteRange range) {
    for (Recall recall : recalls) {
      if (recall.blocks(clientId, range)) {
        return recall;
      }
    }
    return null;
  }

  // ------------------------------------------------------------------ why

  void sealBreaking(FileEvent.SealBreaking event) {
    if (!event.sealedBy().equals(file.sealedBy) || file.state() == FileState.UNSEALED) {
      return;
    }
    boolean audit = event.cause() == RecallCause.AUDIT_DIFFERENCE;
    long id = file.context.nextRecallId();
    file.tellAt(
        event.seenAtNanos(),
        audit ? Step.AUDIT_DIFFERENCE : Step.BREAK_SEEN,
        id,
        0,
        event.cause(),
        0,
        "parts " + file.liveParts());
    if (audit) {
      fenceSeal(id, event.cause());
    } else {
      takeSeal(id, event.cause(), event.deadlineNanos() - file.policy().fenceBudgetNanos());
    }
  }

  /** The seal must go by this time at the latest; holders are asked first. */
  private void takeSeal(long id, RecallCause cause, long latestNanos) {
    doomWorking("the seal is being taken back");
    last = new LastRecall(id, cause);
    switch (file.state()) {
      case SEALING -> sealMustGo = true;
      case SEALED, RECALLING -> {
        begin(
            id,
            cause,
            Ranges.WHOLE,
            0,
            0,
            true,
            Math.max(file.now(), Math.min(deadline(), latestNanos)),
            file.partsIn(Ranges.WHOLE));
        file.delegations.recallAll(
            id, cause, Math.max(file.now(), Math.min(deadline(), latestNanos)));
        if (file.state() == FileState.SEALED) {
          file.become(FileState.RECALLING);
        }
      }
      case UNSEALED, FENCING, UNSEALING -> {}
    }
  }

  /** The seal must go at once; nobody is asked. */
  private void fenceSeal(long id, RecallCause cause) {
    doomWorking("the seal is being taken back");
    last = new LastRecall(id, cause);
    file.delegations.revokeAll(id, cause);
    switch (file.state()) {
      case SEALING -> sealMustGo = true;
      case SEALED, RECALLING -> {
        file.become(FileState.FENCING);
        for (Hold hold : file.allHolds()) {
          fence(hold, id, cause, NFS4ERR_DELEG_REVOKED);
        }
      }
      case UNSEALED, FENCING, UNSEALING -> {}
    }
  }

  private void doomWorking(String reason) {
    if (file.grants.working() != null) {
      file.grants.working().doom(NFS4ERR_LAYOUTTRYLATER, reason);
    }
  }

  private long deadline() {
    return file.now() + file.policy().recallTimeoutNanos();
  }

  /** The seal must go for a change through the server; the recall's id. */
  long takeSealFor(RecallCause cause) {
    if (file.state() == FileState.SEALED || file.state() == FileState.SEALING) {
      takeSeal(file.context.nextRecallId(), cause, Long.MAX_VALUE);
    }
    return last.id();
  }

  /**
   * Takes parts back for a change, unless all of them go already.
   *
   * @param exceptClientId whose own grants are not in the way of it; 0 for nobody's
   */
  Recall take(RecallCause cause, ByteRange scope, long exceptClientId, List<Part> parts) {
    Recall underWay = null;
    boolean fresh = false;
    for (Part part : parts) {
      if (part.state() == LayoutState.GRANTED) {
        fresh = true;
      } else if (!part.recalls().isEmpty()) {
        underWay = part.recalls().getLast();
      }
    }
    if (!fresh) {
      return underWay;
    }
    long id = file.context.nextRecallId();
    last = new LastRecall(id, cause);
    return begin(id, cause, scope, 0, exceptClientId, false, deadline(), parts);
  }

  /**
   * Blocks that may not change yet.
   *
   * @param untilNanos when they may at the latest
   * @param why for people
   */
  record InTheWay(long untilNanos, String why) {}

  /**
   * Takes back what a client's writes in a range would change the blocks of, and what keeps all
   * others from writing; null when there is nothing. Its own holes it may fill. What was given back
   * is in the way until its handle is dead.
   *
   * @param grant whether it is a layout for writing that is wanted, and not a write through the
   *     server
   */
  InTheWay movingIn(ByteRange range, long exceptClientId, boolean grant) {
    List<Part> moving = new ArrayList<>(0);
    boolean own = false;
    ByteRange withEnd = grant ? range : withOldEnd(range);
    for (Part part : file.partsIn(Ranges.WHOLE)) {
      boolean there = part.movesOnWrite() && part.range.overlaps(range);
      if (part.clientId() != exceptClientId) {
        if (there || part.excludesOtherWriters()) {
          moving.add(part);
        }
      } else if (there && (grant ? part.movesOnOwnGrant() : part.movesOnOwnWrite())) {
        moving.add(part);
        own = true;
      } else if (!withEnd.equals(range)
          && part.excludesOtherWriters()
          && part.range.overlaps(withEnd)) {
        moving.add(part);
        own = true;
      }
    }
    return takeAway(own ? withEnd : range, own ? 0 : exceptClientId, moving);
  }

  /**
   * A write past the end has the rest of the block zeroed in which the file ended, and with it what
   * a client wrote there past the server and has not committed. The range from that block on; the
   * range itself when the end stays, or nobody writes blocks.
   */
  private ByteRange withOldEnd(ByteRange range) {
    if (file.seal == null || !hasBlockWriters()) {
      return range;
    }
    long end = file.seal.sizeBytes();
    long block = end - end % LAST_BLOCK_BYTES;
    return range.end() > end && block < range.offset() ? Ranges.between(block, range.end()) : range;
  }

  /** Whether somebody has a layout for writing that keeps all others from it. */
  boolean hasBlockWriters() {
    return file.hasMoving()
        && file.partsIn(Ranges.WHOLE).stream().anyMatch(Part::excludesOtherWriters);
  }

  /** Takes all of others' layouts for writing, of any type, for one who will write whole blocks. */
  InTheWay writersBut(long exceptClientId) {
    List<Part> parts = file.partsIn(Ranges.WHOLE);
    parts.removeIf(part -> part.clientId() == exceptClientId || !part.isReadWrite());
    return takeAway(Ranges.WHOLE, exceptClientId, parts);
  }

  /** Takes back from others what nobody may be told of before it is committed. */
  InTheWay uncommittedIn(ByteRange range, long exceptClientId) {
    List<Part> parts = file.partsIn(range);
    parts.removeIf(part -> part.clientId() == exceptClientId || !part.mayBeUncommitted());
    return takeAway(range, exceptClientId, parts);
  }

  private InTheWay takeAway(ByteRange range, long exceptClientId, List<Part> parts) {
    if (parts.isEmpty()) {
      return null;
    }
    Recall recall = take(RecallCause.HOLE_FILL, range, exceptClientId, parts);
    return recall == null
        ? new InTheWay(file.now(), "handles are being invalidated")
        : new InTheWay(recall.deadlineNanos, "recall " + recall.id);
  }

  /** Takes layouts back whose blocks must change for a writer; null when there are none. */
  Recall readersIn(ByteRange range) {
    List<Part> readers = file.partsIn(range);
    readers.removeIf(part -> part.isReadWrite() && !part.mayBeUncommitted());
    return readers.isEmpty() ? null : take(RecallCause.HOLE_FILL, range, 0, readers);
  }

  void wanted(FileEvent.RecallWanted event) {
    if (event.onlyClientId() == 0) {
      takeSealFor(event.cause());
      file.answerWhenUnsealed(new Effect.Answer<>(event.answer(), null));
      return;
    }
    GrantOp working = file.grants.working();
    if (working != null && working.clientId() == event.onlyClientId()) {
      working.doom(NFS4ERR_LAYOUTTRYLATER, "the client's layouts are being recalled");
    }
    List<Part> parts = new ArrayList<>();
    for (Hold hold : file.holdsOf(event.onlyClientId())) {
      parts.addAll(hold.live());
    }
    Waiter<Void> waiter = new Waiter<>(event.answer());
    file.delegations.recallOf(event.onlyClientId(), event.cause(), waiter);
    if (!parts.isEmpty()) {
      long id = file.context.nextRecallId();
      last = new LastRecall(id, event.cause());
      parts.forEach(part -> part.await(waiter));
      begin(id, event.cause(), Ranges.WHOLE, event.onlyClientId(), 0, false, deadline(), parts);
    }
    if (waiter.answer(null)) {
      file.answerWhenSettled(waiter.effect());
    }
  }

  void clientGone(FileEvent.ClientGone event) {
    file.grants.dropClient(event.clientId(), "the client is gone");
    file.changes.dropClient(event.clientId());
    long id = file.context.nextRecallId();
    fenceClient(event.clientId(), id, event.cause(), NFS4ERR_EXPIRED, event.answer());
  }

  void fenceAll(FileEvent.FenceAll event) {
    fenceSeal(file.context.nextRecallId(), event.cause());
    file.answerWhenUnsealed(new Effect.Answer<>(event.answer(), null));
  }

  void fenceWanted(FileEvent.FenceWanted event) {
    long id = file.context.nextRecallId();
    if (event.onlyClientId() == 0) {
      fenceSeal(id, event.cause());
      file.answerWhenUnsealed(new Effect.Answer<>(event.answer(), null));
      return;
    }
    GrantOp working = file.grants.working();
    if (working != null && working.clientId() == event.onlyClientId()) {
      working.doom(NFS4ERR_LAYOUTTRYLATER, "the client is being fenced");
    }
    fenceClient(event.onlyClientId(), id, event.cause(), NFS4ERR_DELEG_REVOKED, event.answer());
  }

  private void fenceClient(
      long clientId, long id, RecallCause cause, int status, CompletableFuture<Void> answer) {
    Waiter<Void> waiter = new Waiter<>(answer);
    for (Hold hold : file.holdsOf(clientId)) {
      hold.live().forEach(part -> part.await(waiter));
      fence(hold, id, cause, status);
    }
    if (file.state() == FileState.SEALED && recalls.isEmpty() && isHeldByNone()) {
      // The seal goes because of this, so its end has this number.
      last = new LastRecall(id, cause);
    }
    file.delegations.clientGone(clientId, id, cause, status);
    if (waiter.answer(null)) {
      file.answerWhenSettled(waiter.effect());
    }
  }

  private boolean isHeldByNone() {
    for (Hold hold : file.allHolds()) {
      if (hold.heldParts != 0) {
        return false;
      }
    }
    return true;
  }

  /** The latest recall that is not over; when the whole seal must go, that one. */
  Optional<LayoutSurvey.RecallView> underWay(long atNanos) {
    Recall latest = null;
    for (Recall recall : recalls) {
      if (latest == null || recall.wholeFile || !latest.wholeFile) {
        latest = recall;
      }
    }
    return Optional.ofNullable(latest)
        .map(found ->
            new LayoutSurvey.RecallView(found.id, found.cause, found.deadlineNanos - atNanos));
  }

  // ------------------------------------------------------------------ recall

  private Recall begin(
      long id,
      RecallCause cause,
      ByteRange scope,
      long onlyClientId,
      long exceptClientId,
      boolean wholeFile,
      long deadlineNanos,
      List<Part> parts) {
    Recall recall =
        new Recall(id, cause, scope, onlyClientId, exceptClientId, wholeFile, deadlineNanos);
    Map<Hold, ByteRange> wanted = new LinkedHashMap<>();
    for (Part part : parts) {
      part.join(recall);
      if (part.state() == LayoutState.GRANTED) {
        part.become(LayoutState.RECALLED);
      }
      if (part.state().isHeld()) {
        // A handle cannot be shortened, so whole parts are asked for, whatever the scope is.
        wanted.merge(part.segment.hold, wholeFile ? Ranges.WHOLE : part.range, Ranges::hull);
      }
    }
    if (recall.outstanding == 0) {
      return recall;
    }
    recalls.add(recall);
    wanted.forEach((hold, range) -> ask(recall, hold, range));
    if (!recall.holds.isEmpty()) {
      file.emit(
          new Effect.StartTimer(
              recall.deadline, deadlineNanos - file.now(), new FileEvent.DeadlinePassed(recall)));
    }
    return recall;
  }

  private void ask(Recall recall, Hold hold, ByteRange range) {
    recall.holds.add(hold);
    ByteRange scope =
        hold.pending.size() >= file.policy().recallsPerHoldMax() ? Ranges.WHOLE : range;
    for (PendingRecall other : hold.pending) {
      if (other.scope.contains(scope)) {
        return;
      }
    }
    PendingRecall pending = new PendingRecall(recall, hold, scope, hold.advance().seqid());
    hold.pending.add(pending);
    recall.callbacks.add(pending);
    recall.openCallbacks++;
    send(pending);
  }

  private void send(PendingRecall pending) {
    Recall recall = pending.recall;
    Hold hold = pending.hold;
    pending.sent++;
    pending.inTransit = true;
    pending.undelivered = false;
    boolean whole = pending.scope.equals(Ranges.WHOLE);
    file.tell(
        Step.RECALL_SENT,
        recall.id,
        hold.clientId,
        recall.cause,
        whole ? 0 : pending.scope.length(),
        "seqid " + Integer.toUnsignedString(pending.seqid) + " attempt " + pending.sent);
    file.emit(
        new Effect.SendRecall(
            pending,
            new LayoutRecall(
                recall.id,
                hold.clientId,
                file.identity,
                hold.fileHandle,
                hold.layoutType,
                LayoutConst4.LAYOUTIOMODE4_ANY,
                changes(recall.cause),
                pending.scope.offset(),
                whole ? Ranges.TO_THE_END : pending.scope.length(),
                hold.stateid().withSeqid(pending.seqid),
                hold.grantedBy())));
  }

  /** clora_changed: whether it makes no sense to write through the layout before returning it. */
  private static boolean changes(RecallCause cause) {
    return cause == RecallCause.TRUNCATE || cause == RecallCause.ACCESS_CHANGE;
  }

  void answered(PendingRecall pending, Outcome outcome, int status) {
    pending.inTransit = false;
    if (pending.over) {
      return;
    }
    file.tell(
        Step.RECALL_ANSWERED,
        pending.recall.id,
        pending.hold.clientId,
        pending.recall.cause,
        0,
        outcome == Outcome.ANSWERED ? NfsStat4.name(status) : outcome.name());
    switch (outcome) {
      case ANSWERED -> {
        if (status == NFS4_OK) {
          pending.answered = true;
        } else if (status == NFS4ERR_NOMATCHING_LAYOUT) {
          file.returns.implicitly(pending);
        } else if (status == NFS4ERR_DELAY) {
          resendLater(pending);
        }
        // Any other answer is no return: the fence comes at the deadline, the client may still
        // return until then.
      }
      case NO_BACK_CHANNEL -> pending.undelivered = true;
      case LOST -> {
        pending.undelivered = true;
        resendLater(pending);
      }
    }
  }

  private void resendLater(PendingRecall pending) {
    LayoutPolicy policy = file.policy();
    int doublings = Math.min(pending.sent - 1, 16);
    long delay = Math.min(policy.resendFirstNanos() << doublings, policy.resendMaxNanos());
    if (file.now() + delay < pending.recall.deadlineNanos) {
      file.emit(new Effect.CancelTimer(pending.resend));
      pending.resend = new TimerSlot();
      file.emit(new Effect.StartTimer(pending.resend, delay, new FileEvent.ResendDue(pending)));
    }
  }

  void resendDue(PendingRecall pending) {
    if (!pending.over && !pending.answered && !pending.inTransit) {
      send(pending);
    }
  }

  void backChannelUp(long clientId) {
    for (Hold hold : file.holdsOf(clientId)) {
      for (PendingRecall pending : List.copyOf(hold.pending)) {
        if (pending.undelivered) {
          resendDue(pending);
        }
      }
    }
  }

  /** The client has done what the callback asked for, or need not any more. */
  void over(PendingRecall pending) {
    if (pending.over) {
      return;
    }
    pending.over = true;
    pending.hold.pending.remove(pending);
    file.emit(new Effect.CancelTimer(pending.resend));
    pending.recall.openCallbacks--;
    stopDeadline(pending.recall);
  }

  /** The last part of a recall is dead. */
  void allDead(Recall recall) {
    recalls.remove(recall);
    if (recalls.isEmpty()) {
      file.changes.shortenReservations();
    }
    stopDeadline(recall);
  }

  private void stopDeadline(Recall recall) {
    if (recall.outstanding == 0 && recall.openCallbacks == 0) {
      file.emit(new Effect.CancelTimer(recall.deadline));
    }
  }

  void unsealed() {
    sealMustGo = false;
    forgetLast();
  }

  /** What goes from now on goes for another reason. */
  void forgetLast() {
    last = LastRecall.NONE;
  }

  // ------------------------------------------------------------------ fence

  void deadlinePassed(Recall recall) {
    for (Hold hold : recall.holds) {
      if (holdsPartOf(hold, recall)) {
        fence(hold, recall.id, recall.cause, NFS4ERR_DELEG_REVOKED);
      }
    }
    // Who returned everything, but never the whole of what was asked, is let off without a stain.
    for (PendingRecall pending : recall.callbacks) {
      if (!pending.over) {
        over(pending);
        file.endHoldIfOver(pending.hold);
      }
    }
    if (recall.wholeFile && file.state() == FileState.RECALLING && recall.outstanding > 0) {
      file.become(FileState.FENCING);
    }
  }

  private static boolean holdsPartOf(Hold hold, Recall recall) {
    if (hold.heldParts == 0) {
      return false;
    }
    for (Part part : hold.held()) {
      if (part.recalls().contains(recall)) {
        return true;
      }
    }
    return false;
  }

  /** Takes all that a client holds of the file by force. */
  private void fence(Hold hold, long recallId, RecallCause cause, int status) {
    List<Part> held = hold.held();
    long bytes = 0;
    for (Part part : held) {
      bytes += part.range.length();
    }
    file.tell(Step.FENCE_BEGUN, recallId, hold.clientId, cause, bytes, "parts " + held.size());
    file.revokeHold(hold, status);
    file.returns.cancelFlushes(hold);
    for (Part part : held) {
      file.retire(part, LayoutState.FENCING, recallId, cause);
    }
  }
}
