package io.selkie.layout;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADHANDLE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BAD_STATEID;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELAY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELEG_REVOKED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;

import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.layout.DelegationArbiter.DelegationResult;
import io.selkie.layout.DelegationArbiter.HolderView;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.lease.Seal;
import io.selkie.lease.SealMode;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The delegations of one file. They use the file's seal like layouts do, but have no handles: one
 * that is over needs no invalidation, so its revocation is done the moment it is decided.
 *
 * <p>How a delegation and an OPEN of another client miss each other never: the OPEN is entered in
 * the table of opens first and asks for leave then. A wish is entered here first and asks for the
 * opens then. Whoever is second finds the other: the OPEN dooms the wish, or the wish finds the
 * OPEN.
 */
final class DelegationDesk {

  /** How often a client may say that it knows no such delegation before it is believed. */
  private static final int UNKNOWN_MAX = 3;

  private final FileLayouts file;
  private final List<Delegation> held = new ArrayList<>(0);
  final RecallWatch watch;
  private DelegationOp working;
  private boolean contended;
  private long contendedUntilNanos;

  DelegationDesk(FileLayouts file) {
    this.file = file;
    this.watch = new RecallWatch(file, held);
  }

  /** Whether the seal is not needed for a delegation. */
  boolean isEmpty() {
    return held.isEmpty();
  }

  /** Whether somebody holds one that nobody has asked for. */
  boolean isHeldOn() {
    return held.stream().anyMatch(one -> one.state() == DelegationState.GRANTED);
  }

  /** Those held. */
  List<Delegation> all() {
    return held;
  }

  boolean isWorking() {
    return working != null;
  }

  boolean isIdle() {
    return held.isEmpty() && working == null;
  }

  /** Whether a change needs no look at delegations. */
  boolean isFreeFor(FileChange change, long clientId) {
    return isIdle() || (working == null && othersOf(change, clientId) == null);
  }

  private Delegation othersOf(FileChange change, long clientId) {
    for (Delegation delegation : held) {
      if (delegation.clientId() != clientId && isAgainst(change, delegation.isWrite())) {
        return delegation;
      }
    }
    return null;
  }

  /** Reading is at odds with a write delegation only, everything else with both. */
  private static boolean isAgainst(FileChange change, boolean write) {
    return write || !change.isRead();
  }

  Delegation of(long clientId) {
    for (Delegation delegation : held) {
      if (delegation.clientId() == clientId) {
        return delegation;
      }
    }
    return null;
  }

  // ------------------------------------------------------------------ giving

  void arrived(DelegationOp op) {
    if (file.path.isEmpty()) {
      file.path = op.request.file().describe();
    }
    if (judge(op)) {
      start(op);
    }
  }

  /** Whether it may be worked on; refuses it otherwise. */
  private boolean judge(DelegationOp op) {
    if (file.context.stopping().get()) {
      return refuse(op, OpenConst4.WND4_RESOURCE, "the server stops");
    }
    Delegation own = of(op.clientId());
    if (own != null) {
      return refuse(op, whyNotAnother(own, op), "the client has one of this file");
    }
    for (Delegation other : held) {
      if (other.isWrite()
          || op.type() == DelegationType.WRITE
          || other.state() == DelegationState.RECALLED) {
        return contention(op, "another client has one");
      }
    }
    if (working != null) {
      return contention(op, "another one is being given");
    }
    if (isContended() && !op.request.reclaim()) {
      return contention(op, "one was taken back a short while ago");
    }
    if (file.changes.isAgainst(op) || file.grants.isAgainst(op)) {
      return contention(op, "another client is about to use the file");
    }
    for (Part part : file.partsIn(Ranges.WHOLE)) {
      if (part.clientId() != op.clientId()
          && (part.isReadWrite() || op.type() == DelegationType.WRITE)) {
        return contention(op, "another client has a layout");
      }
    }
    return switch (file.state()) {
      case UNSEALED, SEALED -> true;
      case SEALING, RECALLING, FENCING, UNSEALING -> contention(op, "the seal is on its way");
    };
  }

  private static int whyNotAnother(Delegation own, DelegationOp op) {
    if (own.isWrite() == (op.type() == DelegationType.WRITE)) {
      return OpenConst4.WND4_RESOURCE;
    }
    return own.isWrite() ? OpenConst4.WND4_NOT_SUPP_DOWNGRADE : OpenConst4.WND4_NOT_SUPP_UPGRADE;
  }

  private boolean isContended() {
    contended = contended && contendedUntilNanos - file.now() > 0;
    return contended;
  }

  private void start(DelegationOp op) {
    if (!file.context.clients().add(op.clientId(), file.identity)) {
      refuse(op, OpenConst4.WND4_RESOURCE, "the client is gone");
      return;
    }
    if (!file.context.ledger().tryDelegation(op.clientId(), file.context.delegations())) {
      file.context.clients().remove(op.clientId(), file.identity);
      refuse(op, OpenConst4.WND4_RESOURCE, "too many delegations");
      return;
    }
    if (file.state() == FileState.UNSEALED) {
      if (!file.context.ledger().trySeal(file.policy())) {
        drop(op, OpenConst4.WND4_RESOURCE, "too many files are sealed");
        return;
      }
      file.become(FileState.SEALING);
      file.sealedBy = op;
      file.target = op.request.file();
      file.path = file.target.describe();
      file.target.retain();
    }
    op.seal = file.seal;
    working = op;
    file.emit(new Effect.StartDelegation(op));
  }

  /**
   * The lease was tried.
   *
   * @param event with the seal when it is held, and why not otherwise
   */
  void ready(FileEvent.DelegationReady event) {
    DelegationOp op = event.op();
    if (op != working) {
      throw new IllegalStateException("a delegation was not being worked on: " + op.request);
    }
    working = null;
    boolean sealed = sealed(event.seal());
    String reason = event.reason() != null ? event.reason() : op.doom;
    if (reason == null && file.state() != FileState.SEALED) {
      reason = "the seal is being taken back";
    }
    if (reason == null
        && op.type() == DelegationType.WRITE
        && file.seal.mode() != SealMode.EXCLUSIVE) {
      reason = "the lease does not keep readers out";
    }
    if (reason == null) {
      give(op, false);
    } else if (op.request.reclaim() && !sealed && op.doom == null) {
      // What it was promised before the restart is broken already: it is to say so to its user, and
      // to write back what it can.
      recall(give(op, true), file.context.nextRecallId(), RecallCause.KERNEL_LEASE_BREAK, false);
    } else {
      drop(op, OpenConst4.WND4_CONTENTION, reason);
    }
  }

  /** Where it made the seal, there is one from now on, or there is none. */
  private boolean sealed(Seal seal) {
    if (file.state() != FileState.SEALING) {
      return true;
    }
    if (seal == null) {
      file.emit(new Effect.ReleaseTarget(file.target));
      file.sealReleased();
      return false;
    }
    file.seal = seal;
    file.become(file.recalls.sealMustGo() ? FileState.RECALLING : FileState.SEALED);
    return true;
  }

  private Delegation give(DelegationOp op, boolean recalled) {
    Delegation delegation =
        new Delegation(file.identity, op, file.context.ledger().newDelegationStateid());
    held.add(delegation);
    file.context.ledger().add(delegation);
    tell(Step.DELEGATED, delegation, op.type().name());
    op.answer = new DelegationResult.Granted(delegation.stateid, op.type(), recalled);
    return delegation;
  }

  private boolean contention(DelegationOp op, String reason) {
    return refuse(op, OpenConst4.WND4_CONTENTION, reason);
  }

  private static boolean refuse(DelegationOp op, int why, String reason) {
    op.answer = new DelegationResult.Refused(why, reason);
    return false;
  }

  /** Refuses what was counted. */
  private void drop(DelegationOp op, int why, String reason) {
    file.context.ledger().delegationEnded(op.clientId());
    file.context.clients().remove(op.clientId(), file.identity);
    refuse(op, why, reason);
  }

  // ------------------------------------------------------------------ taking back

  /**
   * Takes back what a change of somebody is at odds with.
   *
   * @return why it has to wait; null when nothing is in its way
   */
  String conflict(ChangeOp op) {
    String reason = null;
    if (working != null
        && working.clientId() != op.clientId
        && isAgainst(op.change, working.type() == DelegationType.WRITE)) {
      working.doom("another client came: " + op.change);
      contend();
      reason = "a delegation is being given";
    }
    // To nothing: the holder need not write anything back (RFC 8881 section 20.2).
    boolean truncate = op.change == FileChange.SHRINK && op.range.offset() == 0;
    long id = 0;
    for (Delegation delegation : List.copyOf(held)) {
      if (delegation.clientId() != op.clientId && isAgainst(op.change, delegation.isWrite())) {
        contend();
        if (delegation.state() == DelegationState.GRANTED) {
          id = id == 0 ? file.context.nextRecallId() : id;
          recall(delegation, id, causeOf(op.change), truncate);
        }
        reason = "recall " + delegation.recallId + " of a delegation";
      }
    }
    return reason;
  }

  private static RecallCause causeOf(FileChange change) {
    return switch (change) {
      case SHRINK -> RecallCause.TRUNCATE;
      case PUNCH -> RecallCause.PUNCH;
      case REMAP, SHARE -> RecallCause.REMAP;
      case ACCESS_CHANGE -> RecallCause.ACCESS_CHANGE;
      case REOPEN -> RecallCause.REOPEN;
      case CONFLICTING_OPEN, OPEN_READ, OPEN_WRITE -> RecallCause.CONFLICTING_OPEN;
      case READ, READ_STORED, WRITE, METADATA -> RecallCause.CONFLICTING_ACCESS;
    };
  }

  /** Nobody gets one for a while: who wants the file would only have to wait again. */
  private void contend() {
    contended = true;
    contendedUntilNanos = file.now() + file.context.delegations().contentionNanos();
  }

  /** The end of the latest recall; now when there is none. */
  long deadlineNanos() {
    long latest = file.now();
    for (Delegation delegation : held) {
      if (delegation.state() == DelegationState.RECALLED) {
        latest = Math.max(latest, delegation.deadlineNanos);
      }
    }
    return latest;
  }

  /** The seal must go by this time at the latest. */
  void recallAll(long id, RecallCause cause, long latestNanos) {
    if (cause == RecallCause.KERNEL_LEASE_BREAK && !isIdle()) {
      contend();
    }
    for (Delegation delegation : List.copyOf(held)) {
      if (delegation.state() == DelegationState.GRANTED) {
        recall(delegation, id, cause, false);
      }
      if (latestNanos - delegation.deadlineNanos < 0) {
        schedule(delegation, latestNanos);
      }
    }
  }

  /** All that one client holds, wanted back; adds the waiter to each. */
  void recallOf(long clientId, RecallCause cause, Waiter<?> waiter) {
    Delegation delegation = of(clientId);
    if (delegation == null) {
      return;
    }
    if (delegation.state() == DelegationState.GRANTED) {
      recall(delegation, file.context.nextRecallId(), cause, false);
    }
    await(delegation, waiter);
  }

  private static void await(Delegation delegation, Waiter<?> waiter) {
    delegation.waiters.add(waiter);
    waiter.awaitOneMore();
  }

  private void recall(Delegation delegation, long id, RecallCause cause, boolean truncate) {
    delegation.become(DelegationState.RECALLED);
    delegation.recallId = id;
    delegation.cause = cause;
    delegation.truncate = truncate;
    schedule(delegation, file.now() + file.policy().recallTimeoutNanos());
    send(delegation);
  }

  private void schedule(Delegation delegation, long deadlineNanos) {
    file.emit(new Effect.CancelTimer(delegation.deadline));
    delegation.deadlineNanos = deadlineNanos;
    delegation.deadline = new TimerSlot();
    file.emit(
        new Effect.StartTimer(
            delegation.deadline,
            Math.max(0, deadlineNanos - file.now()),
            new FileEvent.DelegationDue(delegation, deadlineNanos)));
  }

  private void send(Delegation delegation) {
    delegation.sent++;
    delegation.inTransit = true;
    delegation.undelivered = false;
    tell(Step.DELEGATION_RECALLED, delegation, "attempt " + delegation.sent);
    file.emit(
        new Effect.SendDelegationRecall(
            delegation,
            new DelegationCallbacks.Recall(
                delegation.recallId,
                delegation.clientId(),
                file.identity,
                delegation.stateid,
                delegation.truncate,
                delegation.request.fileHandle(),
                delegation.request.call())));
  }

  void answered(Delegation delegation, Outcome outcome, int status) {
    delegation.inTransit = false;
    if (!delegation.state().isHeld()) {
      return;
    }
    tell(
        Step.RECALL_ANSWERED,
        delegation,
        outcome == Outcome.ANSWERED ? NfsStat4.name(status) : outcome.name());
    switch (outcome) {
      case ANSWERED -> {
        if (status == NFS4_OK) {
          delegation.answered = true;
        } else if (status == NFS4ERR_DELAY) {
          resendLater(delegation);
        } else if (status == NFS4ERR_BAD_STATEID || status == NFS4ERR_BADHANDLE) {
          unknown(delegation);
        }
        // Any other answer is no return (section 20.2.4 leaves it open): the deadline decides.
      }
      case NO_BACK_CHANNEL -> delegation.undelivered = true;
      case LOST -> {
        delegation.undelivered = true;
        resendLater(delegation);
      }
    }
  }

  /** The reply that gave it may be on its way still. */
  private void unknown(Delegation delegation) {
    delegation.unknown++;
    if (delegation.unknown < UNKNOWN_MAX) {
      resendLater(delegation);
    } else {
      end(delegation, DelegationState.RETURNED, "the client does not know it");
    }
  }

  private void resendLater(Delegation delegation) {
    LayoutPolicy policy = file.policy();
    int doublings = Math.min(delegation.sent - 1, 16);
    long delay = Math.min(policy.resendFirstNanos() << doublings, policy.resendMaxNanos());
    if (file.now() + delay - delegation.deadlineNanos < 0) {
      file.emit(new Effect.CancelTimer(delegation.resend));
      delegation.resend = new TimerSlot();
      file.emit(
          new Effect.StartTimer(
              delegation.resend, delay, new FileEvent.DelegationResendDue(delegation)));
    }
  }

  void resendDue(Delegation delegation) {
    if (delegation.state() == DelegationState.RECALLED
        && !delegation.answered
        && !delegation.inTransit) {
      send(delegation);
    }
  }

  void backChannelUp(long clientId) {
    Delegation delegation = of(clientId);
    if (delegation != null && delegation.undelivered) {
      resendDue(delegation);
    }
  }

  void due(FileEvent.DelegationDue event) {
    Delegation delegation = event.delegation();
    if (delegation.state() == DelegationState.RECALLED
        && delegation.deadlineNanos == event.deadlineNanos()) {
      file.context.ledger().failedRecall(delegation.clientId());
      revoke(delegation, NFS4ERR_DELEG_REVOKED);
    }
  }

  /** All go at once; nobody is asked. */
  void revokeAll(long id, RecallCause cause) {
    for (Delegation delegation : List.copyOf(held)) {
      delegation.recallId = id;
      delegation.cause = cause;
      revoke(delegation, NFS4ERR_DELEG_REVOKED);
    }
  }

  /** The client will not come back. */
  void clientGone(long clientId, long id, RecallCause cause, int status) {
    if (working != null && working.clientId() == clientId) {
      working.doom("the client is gone");
    }
    Delegation delegation = of(clientId);
    if (delegation != null) {
      delegation.recallId = id;
      delegation.cause = cause;
      revoke(delegation, status);
    }
  }

  private void revoke(Delegation delegation, int status) {
    file.context.ledger().revoke(delegation, status, file.policy().revokedMax());
    end(delegation, DelegationState.REVOKED, NfsStat4.name(status));
  }

  void returned(FileEvent.DelegationReturn event) {
    Delegation found = of(event.clientId());
    if (found == null || !found.isNamedBy(event.stateid())) {
      int status = file.context.ledger().statusOfDead(event.clientId(), event.stateid());
      file.emit(new Effect.Answer<>(event.answer(), status));
      return;
    }
    end(found, DelegationState.RETURNED, "by the client");
    file.answerWhenSettled(new Effect.Answer<>(event.answer(), NFS4_OK));
  }

  private void end(Delegation delegation, DelegationState end, String detail) {
    delegation.become(end);
    held.remove(delegation);
    file.context.ledger().remove(delegation);
    file.context.clients().remove(delegation.clientId(), file.identity);
    file.emit(new Effect.CancelTimer(delegation.deadline));
    file.emit(new Effect.CancelTimer(delegation.resend));
    answerAskers(delegation, Optional.empty());
    tell(
        end == DelegationState.RETURNED ? Step.DELEGATION_RETURNED : Step.DELEGATION_REVOKED,
        delegation,
        detail);
    for (Waiter<?> waiter : delegation.waiters) {
      if (waiter.oneLess()) {
        file.answerWhenSettled(waiter.effect());
      }
    }
    watch.ended();
    if (held.isEmpty()) {
      file.changes.shortenReservations();
    }
  }

  // ------------------------------------------------------------------ CB_GETATTR

  void viewed(FileEvent.ViewWanted event) {
    Delegation writer = othersOf(FileChange.READ, event.clientId());
    if (writer == null) {
      file.emit(new Effect.Answer<>(event.asker().answer(), new HolderView.Unchanged()));
      return;
    }
    if (writer.state() == DelegationState.RECALLED) {
      file.emit(new Effect.Answer<>(event.asker().answer(), new HolderView.Recalled()));
      return;
    }
    if (writer.askers.size() >= file.policy().waitersPerFileMax()) {
      file.emit(new Effect.Answer<>(event.asker().answer(), new HolderView.Recalled()));
      return;
    }
    writer.askers.add(event.asker());
    if (writer.askers.size() > 1) {
      return;
    }
    writer.question++;
    writer.questionTimer = new TimerSlot();
    file.emit(
        new Effect.StartTimer(
            writer.questionTimer,
            file.context.delegations().attributesWaitNanos(),
            new FileEvent.ViewAnswered(writer, writer.question, Optional.empty())));
    file.emit(
        new Effect.AskHolder(
            writer,
            writer.question,
            new DelegationCallbacks.Query(
                writer.clientId(),
                writer.request.fileHandle(),
                writer.request.times(),
                writer.request.call())));
  }

  void viewAnswered(FileEvent.ViewAnswered event) {
    Delegation writer = event.delegation();
    if (event.question() != writer.question || writer.askers.isEmpty()) {
      return;
    }
    answerAskers(writer, event.attributes());
    if (event.attributes().isEmpty() && writer.state() == DelegationState.GRANTED) {
      contend();
      recall(writer, file.context.nextRecallId(), RecallCause.CONFLICTING_ACCESS, false);
    }
  }

  private void answerAskers(
      Delegation writer, Optional<DelegationCallbacks.Attributes> attributes) {
    if (writer.askers.isEmpty()) {
      return;
    }
    writer.question++;
    file.emit(new Effect.CancelTimer(writer.questionTimer));
    for (Delegation.Asker asker : writer.askers) {
      HolderView view =
          attributes.isPresent()
              ? writer.judge(asker, attributes.get())
              : new HolderView.Recalled();
      file.emit(new Effect.Answer<>(asker.answer(), view));
    }
    writer.askers.clear();
  }

  private void tell(Step step, Delegation delegation, String detail) {
    file.tell(step, delegation.recallId, delegation.clientId(), delegation.cause, 0, detail);
  }
}
