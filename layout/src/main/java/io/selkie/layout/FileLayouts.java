package io.selkie.layout;

import io.selkie.lease.ByteRange;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The state machine of one file: takes an event, changes its state, and says what is to be done. It
 * calls neither kernel nor client nor clock, so that the order of things can be tested, and so that
 * no lock is held while they happen.
 *
 * <p><b>Threading.</b> The caller holds this object's monitor around {@link #on} and runs the
 * effects after it let go.
 */
final class FileLayouts {
  final FileIdentity identity;
  final FileContext context;
  final GrantDesk grants;
  final RecallDesk recalls;
  final ChangeDesk changes;
  final ReturnDesk returns;
  final DelegationDesk delegations;

  /** Set when the file was taken out of the arbiter's table: an event must look it up again. */
  boolean removed;

  /** Set while the arbiter has it in its list of idle files. */
  boolean lingering;

  String path = "";
  Seal seal;
  SealTarget target;

  /** The grant or delegation that made, or makes, the seal: names it when a break comes. */
  Object sealedBy;

  private FileState state = FileState.UNSEALED;
  private final Map<Hold.Key, Hold> holds = new LinkedHashMap<>(4);

  /** Revoked ones whose handles are not all dead; an immutable list while there are none. */
  private List<Hold> fenced = List.of();

  private Part firstPart;
  private Part lastPart;
  private int liveParts;
  private int movingParts;
  private int pins;

  /** Answers that wait until the seal is gone. */
  private final List<Effect> afterUnseal = new ArrayList<>(0);

  /** Answers of this event: given at its end, or after the seal is gone when it is going. */
  private final List<Effect> settled = new ArrayList<>(0);

  private List<Effect> effects = new ArrayList<>();
  private long nowNanos;

  /** Whether the block map may have changed while the present grant was worked on. */
  private boolean mapMoved;

  FileLayouts(FileIdentity identity, FileContext context) {
    this.identity = identity;
    this.context = context;
    this.grants = new GrantDesk(this);
    this.recalls = new RecallDesk(this);
    this.changes = new ChangeDesk(this);
    this.returns = new ReturnDesk(this);
    this.delegations = new DelegationDesk(this);
  }

  // ------------------------------------------------------------------ events

  /** Applies one event; what it answers is to be done in this order, without the lock. */
  List<Effect> on(FileEvent event, long atNanos) {
    assert Thread.holdsLock(this) : "an event of " + path + " without its lock";
    nowNanos = atNanos;
    switch (event) {
      case FileEvent.LayoutGet e -> grants.arrived(e.op());
      case FileEvent.GrantVerified e -> grants.verified(e.op());
      case FileEvent.GrantReady e -> grants.ready(e);
      case FileEvent.GrantFailed e -> grants.failed(e);
      case FileEvent.WaitOver e -> grants.waitOver(e.op());
      case FileEvent.SealBreaking e -> recalls.sealBreaking(e);
      case FileEvent.SealReleased _ -> sealReleased();
      case FileEvent.PartDead e -> partDead(e.part());
      case FileEvent.Return e -> returns.returned(e);
      case FileEvent.ReturnAll e -> returns.returnedAll(e);
      case FileEvent.Change e -> changes.asked(e.op());
      case FileEvent.PermitClosed e -> changes.closed(e.permit());
      case FileEvent.RecallWanted e -> recalls.wanted(e);
      case FileEvent.ClientGone e -> recalls.clientGone(e);
      case FileEvent.FenceAll e -> recalls.fenceAll(e);
      case FileEvent.FenceWanted e -> recalls.fenceWanted(e);
      case FileEvent.RecallAnswered e -> recalls.answered(e.recall(), e.outcome(), e.status());
      case FileEvent.ResendDue e -> recalls.resendDue(e.recall());
      case FileEvent.BackChannelUp e -> backChannelUp(e.clientId());
      case FileEvent.DeadlinePassed e -> recalls.deadlinePassed(e.recall());
      case FileEvent.ReservationsDue _ -> changes.reservationsDue();
      case FileEvent.Delegate e -> delegations.arrived(e.op());
      case FileEvent.DelegationReady e -> delegations.ready(e);
      case FileEvent.DelegationReturn e -> delegations.returned(e);
      case FileEvent.DelegationRecallAnswered e ->
          delegations.answered(e.delegation(), e.outcome(), e.status());
      case FileEvent.DelegationResendDue e -> delegations.resendDue(e.delegation());
      case FileEvent.DelegationDue e -> delegations.due(e);
      case FileEvent.ViewWanted e -> delegations.viewed(e);
      case FileEvent.ViewAnswered e -> delegations.viewAnswered(e);
      case FileEvent.EndAwaited e -> delegations.watch.wanted(e.watcher());
      case FileEvent.PatienceOver e -> delegations.watch.patienceOver(e.watcher());
      case FileEvent.FlushBegin e -> flushBegin(e.op());
      case FileEvent.FlushEnd e -> flushEnd(e.op());
    }
    settle();
    grants.pump();
    List<Effect> result = effects;
    effects = new ArrayList<>();
    return result;
  }

  private void backChannelUp(long clientId) {
    recalls.backChannelUp(clientId);
    delegations.backChannelUp(clientId);
  }

  /** A change of blocks through the server begins or ends: nobody goes by an old map. */
  void mapMoves() {
    mapMoved = true;
    if (seal != null) {
      seal.forgetMap();
    }
  }

  /** A worker begins to read the map. */
  void mapRead() {
    mapMoved = changes.isChanging() || returns.isCommitting(0);
  }

  /** A worker is done: what it read counts only if nothing moved meanwhile. */
  void mapWasRead(Seal by) {
    if (mapMoved && by != null) {
      by.forgetMap();
    }
  }

  /** Gives the seal up when nothing needs it any more, and the answers that waited for it. */
  private void settle() {
    // When the seal must go, it does not wait for work that will fail, or is safe, without it: a
    // grant that has not begun to register, and a flush. A commit that changes the map it waits
    // for.
    boolean unused =
        switch (state) {
          case SEALED -> pins == 0 && !grants.isWorking() && !delegations.isWorking();
          case RECALLING, FENCING -> !grants.isRegistering() && !returns.isCommitting(0);
          case UNSEALED, SEALING, UNSEALING -> false;
        };
    if (state == FileState.RECALLING || state == FileState.FENCING) {
      returns.cancelUnheld();
    }
    if (unused && liveParts == 0 && delegations.isEmpty()) {
      become(FileState.UNSEALING);
      emit(new Effect.ReleaseSeal(seal, target, recalls.last().id(), recalls.last().cause()));
    } else if (state == FileState.SEALED && recalls.last().id() != 0 && isHeldOn()) {
      recalls.forgetLast();
    }
    if (!settled.isEmpty()) {
      (state == FileState.UNSEALING ? afterUnseal : effects).addAll(settled);
      settled.clear();
    }
  }

  /**
   * Whether no recall is under way, and somebody holds what none has asked for: when the seal goes
   * one day, no recall that was will be the reason.
   */
  private boolean isHeldOn() {
    if (!recalls.isIdle()) {
      return false;
    }
    for (Part part = firstPart; part != null; part = part.next) {
      if (part.state() == LayoutState.GRANTED) {
        return true;
      }
    }
    return delegations.isHeldOn();
  }

  /** There is no seal any more, or none came about. */
  void sealReleased() {
    become(FileState.UNSEALED);
    seal = null;
    target = null;
    sealedBy = null;
    context.ledger().sealEnded();
    recalls.unsealed();
    effects.addAll(afterUnseal);
    afterUnseal.clear();
  }

  // ------------------------------------------------------------------ state

  FileState state() {
    return state;
  }

  /** The one place where the state changes. */
  void become(FileState next) {
    if (!state.mayBecome(next)) {
      throw new IllegalStateException(
          "file " + identity + " " + path + ": " + state + " -> " + next);
    }
    if (next == FileState.UNSEALING && liveParts > 0) {
      throw new IllegalStateException(
          "S1: the seal of " + path + " is to go, but " + liveParts + " parts live");
    }
    state = next;
  }

  long now() {
    return nowNanos;
  }

  LayoutPolicy policy() {
    return context.policy();
  }

  void emit(Effect effect) {
    effects.add(effect);
  }

  /** Answers once what this event did is settled: after the seal is gone, when it goes. */
  void answerWhenSettled(Effect answer) {
    settled.add(answer);
  }

  /** Answers when the seal is gone, which the caller has seen to. */
  void answerWhenUnsealed(Effect answer) {
    if (state == FileState.UNSEALED) {
      emit(answer);
    } else {
      afterUnseal.add(answer);
    }
  }

  void tell(
      LayoutEvents.Step step,
      long recallId,
      long clientId,
      RecallCause cause,
      long bytes,
      String detail) {
    tellAt(nowNanos, step, recallId, clientId, cause, bytes, detail);
  }

  void tellAt(
      long atNanos,
      LayoutEvents.Step step,
      long recallId,
      long clientId,
      RecallCause cause,
      long bytes,
      String detail) {
    emit(
        new Effect.Tell(
            new LayoutEvents.Event(
                atNanos, step, recallId, identity, path, clientId, cause, bytes, detail)));
  }

  /** Whether nothing is remembered of the file: it may be dropped. */
  boolean isIdle() {
    return state == FileState.UNSEALED
        && holds.isEmpty()
        && liveParts == 0
        && pins == 0
        && grants.isIdle()
        && delegations.isIdle()
        && recalls.isIdle()
        && changes.isIdle();
  }

  // ------------------------------------------------------------------ parts and holds

  int liveParts() {
    return liveParts;
  }

  /** Whether somebody holds what a write through the server may change the blocks of. */
  boolean hasMoving() {
    return movingParts > 0;
  }

  Hold hold(Hold.Key key) {
    return holds.get(key);
  }

  /** The one that a client's stateid names, whatever it called the file by; null if none. */
  Hold hold(long clientId, int layoutType, Stateid4 stateid) {
    for (Hold hold : holds.values()) {
      if (hold.isNamedBy(stateid) && hold.clientId == clientId && hold.layoutType == layoutType) {
        return hold;
      }
    }
    return null;
  }

  List<Hold> holdsOf(long clientId) {
    return holds.values().stream().filter(hold -> hold.clientId == clientId).toList();
  }

  /** Those whose stateid is good, and those that are being fenced. */
  List<Hold> everyHold() {
    List<Hold> all = new ArrayList<>(holds.values());
    all.addAll(fenced);
    return all;
  }

  List<Hold> allHolds() {
    return List.copyOf(holds.values());
  }

  void addHold(Hold hold) {
    holds.put(hold.key(), hold);
    context.ledger().add(hold);
  }

  /** The stateid is over: later use of it is an error. */
  void endHold(Hold hold) {
    for (PendingRecall recall : List.copyOf(hold.pending)) {
      recalls.over(recall);
    }
    holds.remove(hold.key(), hold);
    context.ledger().remove(hold);
  }

  void endHoldIfOver(Hold hold) {
    if (hold.isOver()) {
      endHold(hold);
    }
  }

  /** The stateid is over by force. */
  void revokeHold(Hold hold, int status) {
    for (PendingRecall recall : List.copyOf(hold.pending)) {
      recalls.over(recall);
    }
    holds.remove(hold.key(), hold);
    if (!hold.isDead()) {
      fenced = new ArrayList<>(fenced);
      fenced.add(hold);
    }
    context.ledger().revoke(hold, status, policy().revokedMax());
  }

  /** A handle exists from now on, or a hole is about to be told. */
  void addPart(Part part) {
    part.previous = lastPart;
    if (lastPart == null) {
      firstPart = part;
    } else {
      lastPart.next = part;
    }
    lastPart = part;
    liveParts++;
    if (part.movesOnWrite()) {
      movingParts++;
    }
  }

  /** The live parts that overlap a range. */
  List<Part> partsIn(ByteRange range) {
    List<Part> found = new ArrayList<>();
    for (Part part = firstPart; part != null; part = part.next) {
      if (part.range.overlaps(range)) {
        found.add(part);
      }
    }
    return found;
  }

  /** The client has no use of the part any more; its handle must die. */
  void retire(Part part, LayoutState to) {
    Recall recall = part.recalls().isEmpty() ? null : part.recalls().getFirst();
    retire(part, to, recall == null ? 0 : recall.id, recall == null ? null : recall.cause);
  }

  /** The same, for a reason that need not be a recall of the part. */
  void retire(Part part, LayoutState to, long recallId, RecallCause cause) {
    if (part.segment != null) {
      part.segment.hold.heldParts--;
    }
    part.become(to);
    if (part.isHole()) {
      partDead(part);
      return;
    }
    emit(new Effect.Invalidate(part, to == LayoutState.FENCING, recallId, cause));
  }

  private void partDead(Part part) {
    part.become(part.state() == LayoutState.RETURNING ? LayoutState.RETURNED : LayoutState.REVOKED);
    if (part.previous == null) {
      firstPart = part.next;
    } else {
      part.previous.next = part.next;
    }
    if (part.next == null) {
      lastPart = part.previous;
    } else {
      part.next.previous = part.previous;
    }
    part.previous = null;
    part.next = null;
    liveParts--;
    if (part.movesOnWrite()) {
      movingParts--;
    }
    Segment segment = part.segment;
    if (segment != null && --segment.liveParts == 0) {
      segment.hold.remove(segment);
      if (!fenced.isEmpty() && segment.hold.isDead()) {
        fenced.remove(segment.hold);
      }
      if (fenced.isEmpty()) {
        fenced = List.of();
      }
      grants.layoutEnded(segment.hold.clientId);
    }
    for (Waiter<?> waiter : part.waiters()) {
      if (waiter.oneLess()) {
        answerWhenSettled(waiter.effect());
      }
    }
    for (Recall recall : part.recalls()) {
      if (--recall.outstanding == 0) {
        recalls.allDead(recall);
      }
    }
  }

  // ------------------------------------------------------------------ flushes

  private void flushBegin(FlushOp op) {
    returns.checkFlush(op);
    if (op.begun) {
      pins++;
      if (op.changesMap) {
        mapMoves();
      }
      returns.flushing(op);
    }
  }

  private void flushEnd(FlushOp op) {
    pins--;
    if (op.changesMap) {
      mapMoves();
    }
    returns.flushed(op);
  }
}
