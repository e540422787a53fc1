package io.selkie.client.layout;

import java.util.EnumSet;
import java.util.Set;

/**
 * What a client holds of one file.
 *
 * <pre>
 *   NONE --get--> HELD --return--> RETURNING --done, all gone--> NONE
 *                  ^                   |
 *                  +--done, some left--+
 * </pre>
 */
enum LayoutState {
  /** No layout. */
  NONE,
  /** A layout stateid, and extents that may be used. */
  HELD,
  /** No new direct I/O; what is in flight ends, then the layout goes back. */
  RETURNING;

  /** The states that may come next. */
  private Set<LayoutState> successors() {
    return switch (this) {
      case NONE -> EnumSet.of(HELD);
      case HELD -> EnumSet.of(HELD, RETURNING, NONE);
      case RETURNING -> EnumSet.of(NONE, HELD);
    };
  }

  /** The one way from state to state. */
  LayoutState to(LayoutState next) {
    if (!successors().contains(next)) {
      throw new IllegalStateException("a layout cannot go from " + this + " to " + next);
    }
    return next;
  }
}
