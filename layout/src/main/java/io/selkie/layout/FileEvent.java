package io.selkie.layout;

import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.lease.ByteRange;
import io.selkie.lease.Seal;
import io.selkie.protocol.nfs4.Stateid4;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** What can happen to a file; the only input of {@link FileLayouts}. */
sealed interface FileEvent {

  /** A LAYOUTGET arrived. */
  record LayoutGet(GrantOp op) implements FileEvent {}

  /** The worker has sealed and verified; whether it may register is put into the request. */
  record GrantVerified(GrantOp op) implements FileEvent {}

  /** The worker has sealed, verified and registered. The parts are alive from here on. */
  record GrantReady(GrantOp op, Seal seal, ByteRange granted, List<Part> parts, ByteBuffer content)
      implements FileEvent {}

  /**
   * The worker could not.
   *
   * @param seal the seal when one is held nevertheless, else null
   * @param parts what it had registered before it failed
   * @param readersInTheWay whether preparing would change blocks that read layouts name
   */
  record GrantFailed(
      GrantOp op, Seal seal, List<Part> parts, int status, String reason, boolean readersInTheWay)
      implements FileEvent {

    GrantFailed(GrantOp op, Seal seal, List<Part> parts, int status, String reason) {
      this(op, seal, parts, status, reason, false);
    }
  }

  /** A LAYOUTGET has waited long enough. */
  record WaitOver(GrantOp op) implements FileEvent {}

  /** The seal must go; {@code sealedBy} is the grant or delegation that made it. */
  record SealBreaking(Object sealedBy, RecallCause cause, long seenAtNanos, long deadlineNanos)
      implements FileEvent {}

  /** The seal is given up. */
  record SealReleased() implements FileEvent {}

  /** A handle's last access is over, or a hole was forgotten. */
  record PartDead(Part part) implements FileEvent {}

  /** LAYOUTRETURN of a range. */
  record Return(
      long clientId,
      int layoutType,
      int ioMode,
      ByteRange range,
      Stateid4 stateid,
      CompletableFuture<LayoutArbiter.LayoutReturnResult> answer)
      implements FileEvent {}

  /** Everything of a client, of a type and iomode, returned by other means than its stateid. */
  record ReturnAll(
      long clientId, int layoutType, int ioMode, boolean onClose, CompletableFuture<Void> answer)
      implements FileEvent {}

  /** Somebody asks for leave to change the file; the answer is put into the request. */
  record Change(ChangeOp op) implements FileEvent {}

  /** A change is done. */
  record PermitClosed(Permit permit) implements FileEvent {}

  /** All layouts, or those of one client, are wanted back. */
  record RecallWanted(RecallCause cause, long onlyClientId, CompletableFuture<Void> answer)
      implements FileEvent {}

  /** The client will not come back. */
  record ClientGone(long clientId, RecallCause cause, CompletableFuture<Void> answer)
      implements FileEvent {}

  /** Everything is fenced at once: the server closes. */
  record FenceAll(RecallCause cause, CompletableFuture<Void> answer) implements FileEvent {}

  /** All layouts and delegations, or those of one client, are taken at once: nobody is asked. */
  record FenceWanted(RecallCause cause, long onlyClientId, CompletableFuture<Void> answer)
      implements FileEvent {}

  /** What came of a callback. */
  record RecallAnswered(PendingRecall recall, Outcome outcome, int status) implements FileEvent {}

  /** The back-off of a recall is over. */
  record ResendDue(PendingRecall recall) implements FileEvent {}

  /** The client can be reached again. */
  record BackChannelUp(long clientId) implements FileEvent {}

  /** A recall's time is over. */
  record DeadlinePassed(Recall recall) implements FileEvent {}

  /** Reservations may have expired. */
  record ReservationsDue() implements FileEvent {}

  /** A delegation is wanted; the answer is put into the request. */
  record Delegate(DelegationOp op) implements FileEvent {}

  /**
   * The worker has tried the lease and asked for opens.
   *
   * @param seal the seal that it made; null when it made none
   * @param reason why it must not be given; null when it may
   */
  record DelegationReady(DelegationOp op, Seal seal, String reason) implements FileEvent {}

  /** DELEGRETURN. */
  record DelegationReturn(long clientId, Stateid4 stateid, CompletableFuture<Integer> answer)
      implements FileEvent {}

  /** What came of CB_RECALL. */
  record DelegationRecallAnswered(Delegation delegation, Outcome outcome, int status)
      implements FileEvent {}

  /** The back-off of CB_RECALL is over. */
  record DelegationResendDue(Delegation delegation) implements FileEvent {}

  /** A deadline of a delegation's recall is over; of no meaning when there is an earlier one. */
  record DelegationDue(Delegation delegation, long deadlineNanos) implements FileEvent {}

  /** A GETATTR wants to know what the holder of a write delegation has changed. */
  record ViewWanted(long clientId, Delegation.Asker asker) implements FileEvent {}

  /** What came of CB_GETATTR, or nothing in time. */
  record ViewAnswered(
      Delegation delegation, int question, Optional<DelegationCallbacks.Attributes> attributes)
      implements FileEvent {}

  /** Somebody would wait until recalls of delegations are over. */
  record EndAwaited(RecallWatch.Watcher watcher) implements FileEvent {}

  /** It has waited long enough. */
  record PatienceOver(RecallWatch.Watcher watcher) implements FileEvent {}

  /** LAYOUTCOMMIT wants to flush; the answer is put into the request. */
  record FlushBegin(FlushOp op) implements FileEvent {}

  /** It is done. */
  record FlushEnd(FlushOp op) implements FileEvent {}
}
