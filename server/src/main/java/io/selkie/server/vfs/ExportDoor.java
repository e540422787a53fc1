package io.selkie.server.vfs;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts who is inside an export, until it is closed; then nobody comes in any more, and the last
 * one who leaves is an event. One word, no lock; safe for use by several threads.
 *
 * <pre>
 *  63       62 ... 0
 * | closed | inside |
 * </pre>
 */
final class ExportDoor {
  private static final long CLOSED = Long.MIN_VALUE;

  private final AtomicLong word = new AtomicLong();
  private final CompletableFuture<Void> empty = new CompletableFuture<>();

  /** Comes in, to {@link #leave} later; false when it is closed. */
  boolean enter() {
    if (word.getAndIncrement() >= 0) {
      return true;
    }
    // For an instant one more was counted than is inside: if it hid the last one, this one tells.
    leave();
    return false;
  }

  /** Leaves; the last one to do so after the end runs what waits for that. */
  void leave() {
    long now = word.decrementAndGet();
    if (now == CLOSED) {
      empty.complete(null);
    } else if ((now & ~CLOSED) == ~CLOSED) {
      throw new IllegalStateException("somebody left who was not inside");
    }
  }

  /**
   * Lets nobody in any more. Idempotent.
   *
   * @return completes when nobody is inside, on the thread of the last one
   */
  CompletableFuture<Void> close() {
    if ((word.getAndUpdate(now -> now | CLOSED) & ~CLOSED) == 0) {
      empty.complete(null);
    }
    return empty.copy();
  }

  /** Comes in although it is closed, if somebody is still inside; false when nobody is. */
  boolean join() {
    while (true) {
      long now = word.get();
      if ((now & ~CLOSED) == 0) {
        return false;
      }
      if (word.compareAndSet(now, now + 1)) {
        return true;
      }
    }
  }

  /** Whether it was closed. */
  boolean isClosed() {
    return word.get() < 0;
  }

  /** How many are inside just now. */
  int inside() {
    return (int) Math.min(Integer.MAX_VALUE, word.get() & ~CLOSED);
  }
}
