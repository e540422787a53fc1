package io.selkie.layout;

import java.util.concurrent.CompletionStage;

/** What a layout type registered for one part of a layout, so that a client can reach it. */
public interface LayoutHandle {

  /**
   * Takes it back; complete when no access through it can land any more (S3). Idempotent: every
   * call answers the same stage.
   */
  CompletionStage<Void> invalidate();

  /**
   * The same on a thread that may wait for accesses in flight, until {@link #abort()}; so it need
   * not be woken by another one.
   */
  default CompletionStage<Void> invalidateHere() {
    return invalidate();
  }

  /**
   * Ends accesses in flight by force, so that {@link #invalidate()} completes without the client's
   * help. Returns at once.
   */
  void abort();

  /**
   * The client, who was told of it, gives it back without having been asked to. Told before {@link
   * #invalidate()}, under a lock: must not block.
   */
  default void givenBack() {}
}
