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
   * The same for a client that did not give it back. Where nobody can keep the client from the
   * storage this takes as long as the client may believe that it has a layout.
   */
  default CompletionStage<Void> revoke() {
    return invalidate();
  }

  /** What a write through the server, or a layout for writing of somebody else, does to it. */
  default OnWrite onWrite() {
    return OnWrite.NOTHING;
  }

  /** What a write does to a part of a layout. */
  enum OnWrite {
    /** It stays true: everybody reaches the same bytes. */
    NOTHING,
    /**
     * Its client works on whole blocks in a cache of its own, so nobody else may write the file
     * while it can.
     */
    EXCLUDES_OTHERS,
    /** It becomes untrue where it is written, whoever writes. */
    CHANGES
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
