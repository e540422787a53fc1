package io.selkie.layout;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BAD_STATEID;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_RECALLCONFLICT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_RETURNCONFLICT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;

import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.lease.Seal;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * LAYOUTGET on one file: one at a time is worked on, others wait their turn; conflicts are judged
 * before the worker starts and again when it is ready, because the lock was dropped in between.
 */
final class GrantDesk {

  /** How often a grant is done again because writes through the server filled its holes. */
  private static final int ATTEMPTS_MAX = 3;

  /** Why not. */
  private record Refusal(int status, String reason) {}

  private enum Verdict {
    START,
    WAIT,
    REFUSED
  }

  private final FileLayouts file;
  private final ArrayDeque<GrantOp> waiting = new ArrayDeque<>(0);
  private GrantOp working;
  private int layouts;

  GrantDesk(FileLayouts file) {
    this.file = file;
  }

  boolean isWorking() {
    return working != null;
  }

  /** Whether there may be handles that this file does not know of yet. */
  boolean isRegistering() {
    return working != null && working.registering;
  }

  /** Whether a delegation would be at odds with what somebody else wants. */
  boolean isAgainst(DelegationOp op) {
    return (working != null && working.clientId() != op.clientId())
        || waiting.stream().anyMatch(waiter -> waiter.clientId() != op.clientId());
  }

  boolean isIdle() {
    return working == null && waiting.isEmpty();
  }

  GrantOp working() {
    return working;
  }

  // ------------------------------------------------------------------ events

  void arrived(GrantOp op) {
    if (file.path.isEmpty()) {
      file.path = op.request.file().describe();
    }
    if (layouts >= file.policy().layoutsPerFileMax()) {
      refuse(op, NFS4ERR_LAYOUTTRYLATER, "too many layouts on this file");
      return;
    }
    if (!file.context.clients().add(op.clientId(), file.identity)) {
      refuse(op, NFS4ERR_BAD_STATEID, "the client is gone");
      return;
    }
    String full = file.context.ledger().tryLayout(op.clientId(), file.identity, file.policy());
    if (full != null) {
      file.context.clients().remove(op.clientId(), file.identity);
      // There will be room when others have come back (RFC 8881 section 15.1.10.3).
      refuse(op, NFS4ERR_LAYOUTTRYLATER, full);
      return;
    }
    layouts++;
    op.order = file.changes.nextOrder();
    switch (judge(op)) {
      case START -> start(op);
      case WAIT -> enqueue(op);
      case REFUSED -> {}
    }
  }

  private void enqueue(GrantOp op) {
    if (waiting.size() >= file.policy().waitersPerFileMax()) {
      drop(op, NFS4ERR_LAYOUTTRYLATER, "too many requests wait for this file");
      return;
    }
    waiting.add(op);
    awaitTurn(op);
  }

  private void awaitTurn(GrantOp op) {
    op.queued = true;
    op.wait = new TimerSlot();
    file.emit(
        new Effect.StartTimer(op.wait, file.policy().queueWaitNanos(), new FileEvent.WaitOver(op)));
  }

  /** Starts what may be started; called after every event. */
  void pump() {
    if (waiting.isEmpty()) {
      return;
    }
    Iterator<GrantOp> ops = waiting.iterator();
    while (ops.hasNext()) {
      GrantOp op = ops.next();
      Verdict verdict = judge(op);
      if (verdict != Verdict.WAIT) {
        ops.remove();
        op.queued = false;
        file.emit(new Effect.CancelTimer(op.wait));
      }
      if (verdict == Verdict.START) {
        start(op);
      }
    }
  }

  void waitOver(GrantOp op) {
    if (op.queued) {
      waiting.remove(op);
      op.queued = false;
      drop(op, NFS4ERR_LAYOUTTRYLATER, "waited too long for other requests on this file");
    }
  }

  private void start(GrantOp op) {
    if (file.state() == FileState.UNSEALED) {
      if (!file.context.ledger().trySeal(file.policy())) {
        drop(op, NFS4ERR_LAYOUTTRYLATER, "too many files are sealed");
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
    file.changes.markWrites(op);
    file.mapRead();
    file.emit(new Effect.StartGrant(op));
  }

  /** The worker asks whether to go on: from here on the seal stays until it is done. */
  void verified(GrantOp op) {
    if (op.sharesBlocks && op.wasWritten(op.range)) {
      // What was verified may be moving, and writes do not wait for grants.
      op.doom(NFS4ERR_LAYOUTTRYLATER, "the file's shared blocks are being written");
    }
    op.registering =
        !op.isDoomed() && (file.state() == FileState.SEALING || file.state() == FileState.SEALED);
  }

  void ready(FileEvent.GrantReady event) {
    GrantOp op = event.op();
    sealed(op, event.seal());
    for (Part part : event.parts()) {
      file.addPart(part);
    }
    Refusal refusal = rejudge(op);
    if (refusal != null) {
      orphan(event.parts());
      drop(op, refusal.status(), refusal.reason());
      return;
    }
    boolean stale =
        event.parts().stream().anyMatch(part -> part.movesOnWrite() && op.wasWritten(part.range));
    if (stale) {
      orphan(event.parts());
      again(op);
      return;
    }
    commit(op, event);
  }

  private void again(GrantOp op) {
    op.again();
    if (op.attempts >= ATTEMPTS_MAX) {
      drop(op, NFS4ERR_LAYOUTTRYLATER, "the file's holes are being written");
      return;
    }
    waiting.addFirst(op);
    awaitTurn(op);
  }

  private void commit(GrantOp op, FileEvent.GrantReady event) {
    Hold hold = file.hold(op.key());
    if (hold == null) {
      hold =
          new Hold(
              file.identity,
              op.key(),
              file.policy().returnOnClose(),
              file.context.ledger().newStateid());
      file.addHold(hold);
    }
    Segment segment =
        new Segment(hold, event.granted(), op.request.ioMode(), event.parts().toArray(Part[]::new));
    for (Part part : segment.parts) {
      part.segment = segment;
    }
    hold.add(segment);
    op.request.call().ifPresent(hold::grantedTo);
    file.context.ledger().layoutGranted();
    file.changes.served(null, segment.range, op.clientId());
    file.tell(Step.GRANTED, 0, op.clientId(), null, segment.range.length(), describe(op, segment));
    file.emit(
        new Effect.Answer<LayoutGetResult>(
            op.answer,
            new LayoutGetResult.Granted(
                hold.advance(),
                hold.returnOnClose,
                segment.range.offset(),
                segment.range.length(),
                segment.ioMode,
                hold.layoutType,
                event.content())));
  }

  private static String describe(GrantOp op, Segment segment) {
    return (op.isReadWrite() ? "rw " : "read ")
        + segment.range.offset()
        + "+"
        + segment.range.length()
        + " parts "
        + segment.parts.length;
  }

  void failed(FileEvent.GrantFailed event) {
    GrantOp op = event.op();
    sealed(op, event.seal());
    for (Part part : event.parts()) {
      file.addPart(part);
    }
    orphan(event.parts());
    if (event.readersInTheWay() && file.state() == FileState.SEALED) {
      Recall recall = file.recalls.readersIn(op.range);
      if (recall != null) {
        file.changes.reserve(op, recall.deadlineNanos);
      }
    }
    drop(
        op,
        op.isDoomed() ? op.doomStatus() : event.status(),
        op.isDoomed() ? op.doomReason() : event.reason());
  }

  /** The worker is done; where it made the seal, there is one from now on, or there is none. */
  private void sealed(GrantOp op, Seal seal) {
    if (op != working) {
      throw new IllegalStateException("a grant ended that was not being worked on: " + op.request);
    }
    working = null;
    op.registering = false;
    file.mapWasRead(seal);
    if (file.state() != FileState.SEALING) {
      return;
    }
    if (seal == null) {
      file.emit(new Effect.ReleaseTarget(file.target));
      file.sealReleased();
      return;
    }
    file.seal = seal;
    file.become(file.recalls.sealMustGo() ? FileState.RECALLING : FileState.SEALED);
  }

  /** Registered, but never granted. */
  private void orphan(List<Part> parts) {
    for (Part part : parts) {
      file.retire(part, LayoutState.RETURNING);
    }
  }

  /** The last handle of what was granted is dead. */
  void layoutEnded(long clientId) {
    layouts--;
    file.context.ledger().grantedLayoutEnded(clientId, file.identity);
    file.context.clients().remove(clientId, file.identity);
  }

  /** The client is gone, or closed the file: what it asked for is not to be granted any more. */
  void dropClient(long clientId, String reason) {
    if (working != null && working.clientId() == clientId) {
      working.doom(NFS4ERR_BAD_STATEID, reason);
    }
    List<GrantOp> gone = new ArrayList<>();
    for (GrantOp op : waiting) {
      if (op.clientId() == clientId) {
        gone.add(op);
      }
    }
    for (GrantOp op : gone) {
      waiting.remove(op);
      op.queued = false;
      file.emit(new Effect.CancelTimer(op.wait));
      drop(op, NFS4ERR_BAD_STATEID, reason);
    }
  }

  // ------------------------------------------------------------------ rules

  private Verdict judge(GrantOp op) {
    Refusal refusal = judgeHold(op);
    if (refusal == null) {
      refusal = judgeFile(op);
    }
    if (refusal != null) {
      drop(op, refusal.status(), refusal.reason());
      return Verdict.REFUSED;
    }
    boolean busy =
        working != null || file.state() == FileState.SEALING || file.state() == FileState.UNSEALING;
    return busy || file.changes.isBlocking(op) ? Verdict.WAIT : Verdict.START;
  }

  /** The second look, when the worker is done. */
  private Refusal rejudge(GrantOp op) {
    if (op.isDoomed()) {
      return new Refusal(op.doomStatus(), op.doomReason());
    }
    if (file.state() != FileState.SEALED) {
      return tryLater("the seal is being taken back");
    }
    Recall conflict = file.recalls.blocking(op.clientId(), op.range);
    return conflict == null ? judgeHold(op) : tryLater("recall " + conflict.id + " began");
  }

  private static Refusal tryLater(String reason) {
    return new Refusal(NFS4ERR_LAYOUTTRYLATER, reason);
  }

  private Refusal judgeFile(GrantOp op) {
    if (file.context.stopping().get()) {
      return tryLater("the server stops");
    }
    if (file.state() == FileState.RECALLING || file.state() == FileState.FENCING) {
      return tryLater("the seal is being taken back");
    }
    Recall conflict = file.recalls.blocking(op.clientId(), op.range);
    if (conflict != null) {
      file.changes.reserve(op, conflict.deadlineNanos);
      return tryLater("recall " + conflict.id + " is under way: " + conflict.cause);
    }
    if (file.changes.isReservedAgainst(op)) {
      file.changes.reserve(op, file.now());
      return tryLater("the file is kept free for somebody's retry");
    }
    String delegated =
        file.delegations.conflict(
            new ChangeOp(
                op.isReadWrite() ? FileChange.WRITE : FileChange.READ, op.range, op.clientId()));
    if (delegated != null) {
      file.changes.reserve(op, file.delegations.deadlineNanos());
      return tryLater(delegated);
    }
    if (file.returns.isCommitting(op.clientId())) {
      return tryLater("another client's commit changes the file just now");
    }
    if (op.writesBlocks()) {
      RecallDesk.InTheWay writers = file.recalls.writersBut(op.clientId());
      if (writers != null) {
        file.changes.reserve(op, writers.untilNanos());
        return tryLater(writers.why() + ": others may write the file");
      }
    }
    if (file.hasMoving()) {
      RecallDesk.InTheWay moving =
          op.isReadWrite()
              ? file.recalls.movingIn(op.range, op.clientId(), true)
              : file.recalls.uncommittedIn(op.range, op.clientId());
      if (moving != null) {
        file.changes.reserve(op, moving.untilNanos());
        return tryLater(moving.why() + ": others hold what it would change");
      }
    }
    return null;
  }

  /** What the client holds already, and what is being recalled from it. */
  private Refusal judgeHold(GrantOp op) {
    Hold hold = file.hold(op.key());
    boolean byLayoutStateid = op.request.isLayoutStateid();
    if (byLayoutStateid) {
      if (hold == null || !hold.isNamedBy(op.request.stateid())) {
        return new Refusal(
            file.context.ledger().statusOfDead(op.clientId(), op.request.stateid()),
            "the layout stateid names nothing held on this file");
      }
      int seqid = op.request.stateid().seqid();
      int status = op.seqidChecked ? NFS4_OK : hold.checkSeqid(seqid, file.policy().seqidRange());
      if (status != NFS4_OK) {
        return new Refusal(status, "layout seqid " + seqid + ", current " + hold.seqid());
      }
      op.seqidChecked = true;
    }
    if (hold == null) {
      return null;
    }
    for (PendingRecall recall : hold.pending) {
      if (recall.scope.overlaps(op.range)) {
        // RFC 8881 section 12.5.5.2.1.3: the third case is the only one that is told apart.
        boolean processed =
            recall.answered && byLayoutStateid && op.request.stateid().seqid() == recall.seqid;
        return new Refusal(
            processed ? NFS4ERR_RETURNCONFLICT : NFS4ERR_RECALLCONFLICT,
            "recall " + recall.recall.id + " is pending to this client");
      }
    }
    return null;
  }

  /** Refuses what was counted. */
  private void drop(GrantOp op, int status, String reason) {
    layouts--;
    file.context.ledger().layoutEnded(op.clientId(), file.identity);
    file.context.clients().remove(op.clientId(), file.identity);
    refuse(op, status, reason);
  }

  private void refuse(GrantOp op, int status, String reason) {
    file.tell(Step.REFUSED, 0, op.clientId(), null, 0, reason);
    file.emit(
        new Effect.Answer<LayoutGetResult>(
            op.answer, new LayoutGetResult.Refused(status, false, reason)));
  }
}
