package io.selkie.layout;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Those who wait until delegations of one file that are being recalled are back. Guarded by its
 * file's lock.
 */
final class RecallWatch {

  /**
   * One of them.
   *
   * @param answer true when they are back, false when that took too long
   * @param timer its patience
   */
  record Watcher(CompletableFuture<Boolean> answer, long patienceNanos, TimerSlot timer) {
    Watcher(CompletableFuture<Boolean> answer, long patienceNanos) {
      this(answer, patienceNanos, new TimerSlot());
    }
  }

  private final FileLayouts file;
  private final List<Delegation> held;
  private final List<Watcher> watchers = new ArrayList<>(0);

  /** Over the list of those that are held now. */
  RecallWatch(FileLayouts file, List<Delegation> held) {
    this.file = file;
    this.held = held;
  }

  private boolean isRecalling() {
    for (Delegation delegation : held) {
      if (delegation.state() == DelegationState.RECALLED) {
        return true;
      }
    }
    return false;
  }

  /** Somebody would wait. */
  void wanted(Watcher watcher) {
    if (!isRecalling()) {
      file.answerWhenSettled(new Effect.Answer<>(watcher.answer, true));
    } else if (watchers.size() >= file.policy().waitersPerFileMax()) {
      file.emit(new Effect.Answer<>(watcher.answer, false));
    } else {
      watchers.add(watcher);
      file.emit(
          new Effect.StartTimer(
              watcher.timer, watcher.patienceNanos, new FileEvent.PatienceOver(watcher)));
    }
  }

  /** A delegation is over; after the last recalled one all are answered, when the seal is gone. */
  void ended() {
    if (isRecalling()) {
      return;
    }
    for (Watcher watcher : watchers) {
      file.emit(new Effect.CancelTimer(watcher.timer));
      file.answerWhenSettled(new Effect.Answer<>(watcher.answer, true));
    }
    watchers.clear();
  }

  /** One has waited long enough. */
  void patienceOver(Watcher watcher) {
    if (watchers.remove(watcher)) {
      file.emit(new Effect.Answer<>(watcher.answer, false));
    }
  }
}
