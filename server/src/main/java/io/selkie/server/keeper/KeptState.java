package io.selkie.server.keeper;

/**
 * Life of the copy of a descriptor that a keeper has.
 *
 * <pre>
 *   KEPT ──▶ LEAVING ──▶ GONE
 *     │                    ▲
 *     └────────────────────┘   the keeper refused it, or is gone itself
 * </pre>
 */
enum KeptState {
  /** The keeper has it, or it is on the way to it. */
  KEPT,
  /** The seal was given up: the keeper is told to close it, and may not have done so. */
  LEAVING,
  /** The keeper has closed it, or never had it. */
  GONE;

  boolean mayBecome(KeptState next) {
    return switch (this) {
      case KEPT -> next == LEAVING || next == GONE;
      case LEAVING -> next == GONE;
      case GONE -> false;
    };
  }
}
