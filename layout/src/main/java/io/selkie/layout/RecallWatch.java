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
  private final List<Watcher> watchers = new ArrayList<>(0);

  RecallWatch(FileLayouts file) {
    this.file = file;
  }

  /**
   * Somebody would wait.
   *
   * @param recalling whether there is anything to wait for
   */
  void wanted(Watcher watcher, boolean recalling) {
    if (!recalling) {
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

  /** No recall is under way any more; they are answered when the seal is gone, if it goes. */
  void over() {
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
