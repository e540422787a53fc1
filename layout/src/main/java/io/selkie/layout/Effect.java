package io.selkie.layout;

import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import java.util.concurrent.CompletableFuture;

/** What a file's state machine wants done; run without its lock, in the order given. */
sealed interface Effect {

  /** Prepare, seal, verify, register; ends in GrantReady or GrantFailed. */
  record StartGrant(GrantOp op) implements Effect {}

  /** Take the lease, if there is none, and ask for opens; ends in DelegationReady. */
  record StartDelegation(DelegationOp op) implements Effect {}

  /** Send CB_RECALL; ends in DelegationRecallAnswered. */
  record SendDelegationRecall(Delegation delegation, DelegationCallbacks.Recall message)
      implements Effect {}

  /** Send CB_GETATTR; ends in ViewAnswered. */
  record AskHolder(Delegation delegation, int question, DelegationCallbacks.Query message)
      implements Effect {}

  /** Take a handle back; ends in PartDead. */
  record Invalidate(Part part, boolean fenced, long recallId, RecallCause cause)
      implements Effect {}

  /** Send CB_LAYOUTRECALL; ends in RecallAnswered. */
  record SendRecall(PendingRecall recall, CallbackChannel.LayoutRecall message) implements Effect {}

  /** Give the seal up; ends in SealReleased. */
  record ReleaseSeal(Seal seal, SealTarget target, long recallId, RecallCause cause)
      implements Effect {}

  /** Let a file description go that was kept for a seal that did not come about. */
  record ReleaseTarget(SealTarget target) implements Effect {}

  /** Bring an event after a while. */
  record StartTimer(TimerSlot slot, long delayNanos, FileEvent event) implements Effect {}

  /** Forget a timer. */
  record CancelTimer(TimerSlot slot) implements Effect {}

  /** Answer a request. */
  record Answer<T>(CompletableFuture<T> future, T value) implements Effect {
    void run() {
      future.complete(value);
    }
  }

  /** Tell whoever listens. */
  record Tell(LayoutEvents.Event event) implements Effect {}
}
