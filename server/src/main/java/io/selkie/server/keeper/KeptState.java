package io.selkie.server.keeper;

/**
 * Life of the copy of a descriptor that a keeper has.
 *
 * <pre>
 *   KEPT ◀──▶ LEAVING ──▶ TELLING ──▶ TOLD ──▶ GONE
 *     │          │           │                   ▲
 *     └──────────┴───────────┴───────────────────┘   the keeper refused it, or is gone itself
 * </pre>
 */
enum KeptState {
  /** The keeper has it, or it is on the way to it. */
  KEPT,
  /**
   * The seal was given up: the keeper is to be told to close it. Where the same description is
   * sealed again before that, it stays.
   */
  LEAVING,
  /** The keeper is just being told. */
  TELLING,
  /** It was told to close it, and may not have done so. */
  TOLD,
  /** The keeper has closed it, or never had it. */
  GONE;

  boolean mayBecome(KeptState next) {
    return switch (this) {
      case KEPT -> next == LEAVING || next == GONE;
      case LEAVING -> next == KEPT || next == TELLING || next == GONE;
      case TELLING -> next == TOLD || next == GONE;
      case TOLD -> next == GONE;
      case GONE -> false;
    };
  }
}
