package io.selkie.layout;

import io.selkie.layout.DelegationArbiter.DelegationRequest;
import io.selkie.layout.DelegationArbiter.HolderView;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * One client's delegation of one file. Guarded by its file's lock; final and volatile fields may be
 * read without.
 */
final class Delegation {

  /** A GETATTR that waits for the holder's answer. */
  record Asker(long changeNow, long sizeNow, CompletableFuture<HolderView> answer) {}

  final FileIdentity file;
  final DelegationRequest request;

  /** Seqid 1: a delegation has but one. */
  final Stateid4 stateid;

  private volatile DelegationState state = DelegationState.GRANTED;

  long recallId;
  RecallCause cause;
  boolean truncate;
  long deadlineNanos;

  /** Its end; each deadline has its own. */
  TimerSlot deadline = new TimerSlot();

  /** The present back-off; each has its own. */
  TimerSlot resend = new TimerSlot();

  int sent;

  /** Times the client said that it does not know the delegation. */
  int unknown;

  boolean answered;
  boolean undelivered;
  boolean inTransit;

  /** Requests that wait for its end. */
  final List<Waiter<?>> waiters = new ArrayList<>(0);

  /** GETATTRs that wait for one CB_GETATTR; empty when none is under way. */
  final List<Asker> askers = new ArrayList<>(0);

  /** Tells a late answer to an earlier question from one to the present. */
  int question;

  TimerSlot questionTimer = new TimerSlot();

  /** The change attribute that was told last, as sc of RFC 8881 section 10.4.3. */
  private long change;

  private boolean modified;

  Delegation(FileIdentity file, DelegationOp op, Stateid4 stateid) {
    this.file = file;
    this.request = op.request;
    this.stateid = stateid;
    this.change = op.change;
  }

  long clientId() {
    return request.clientId();
  }

  boolean isWrite() {
    return request.type() == DelegationType.WRITE;
  }

  DelegationState state() {
    return state;
  }

  void become(DelegationState next) {
    if (!state.mayBecome(next)) {
      throw new IllegalStateException("delegation of " + file + ": " + state + " -> " + next);
    }
    state = next;
  }

  boolean isNamedBy(Stateid4 other) {
    return other.otherHigh() == stateid.otherHigh() && other.otherLow() == stateid.otherLow();
  }

  /** What others are to be told, from what the holder said. */
  HolderView judge(Asker asker, DelegationCallbacks.Attributes said) {
    modified |= said.change() != change || said.size() != asker.sizeNow();
    if (!modified) {
      return said.modify() == null
          ? new HolderView.Unchanged()
          : new HolderView.TimeKept(said.modify());
    }
    // Never less than what the server shows itself: the holder may have written some of it.
    change = Math.max(change, asker.changeNow()) + 1;
    return new HolderView.Changed(change, said);
  }
}
