package io.selkie.layout;

import java.util.concurrent.CompletableFuture;

/**
 * A request that is answered when the parts it waits for are dead, and not before its answer is
 * known. Guarded by the file's lock.
 */
final class Waiter<T> {
  private final CompletableFuture<T> future;
  private T value;

  /** Parts not yet dead, and one for the answer not yet known. */
  private int outstanding = 1;

  Waiter(CompletableFuture<T> future) {
    this.future = future;
  }

  void awaitOneMore() {
    outstanding++;
  }

  /** The answer is known; true when nothing has to be waited for any more. */
  boolean answer(T known) {
    value = known;
    return oneLess();
  }

  boolean oneLess() {
    outstanding--;
    return outstanding == 0;
  }

  Effect effect() {
    return new Effect.Answer<>(future, value);
  }
}
