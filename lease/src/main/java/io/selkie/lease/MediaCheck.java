package io.selkie.lease;

import java.util.Optional;

/** Knows which blocks cannot be read. */
@FunctionalInterface
public interface MediaCheck {

  /** Nothing is known of any. */
  MediaCheck NONE = (target, map) -> Optional.empty();

  /**
   * Looks whether a block map may be granted. Called under the file's lease, on a thread that may
   * block for a moment.
   *
   * @return what is bad about it, one clause with the bytes of the file; empty when nothing is
   */
  Optional<String> trouble(SealTarget target, BlockMap map);
}
