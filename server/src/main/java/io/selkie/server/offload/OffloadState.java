package io.selkie.server.offload;

/**
 * The life of an {@link Offload}.
 *
 * <pre>
 *   RUNNING ──▶ ENDED ──▶ TELLING ──▶ FORGOTTEN
 *      │          │ ▲        │            ▲
 *      │          │ └────────┘            │     the client could not be reached
 *      │          └───────────────────────┤     cancelled, or asked by TEST/FREE_STATEID
 *      └──────────────────────────────────┘     cancelled
 * </pre>
 */
enum OffloadState {
  /** Pieces are done, or a timer will go on with them. */
  RUNNING,
  /** Done or failed; the client is to be told. */
  ENDED,
  /** A CB_OFFLOAD is under way. */
  TELLING,
  /** The stateid is good for nothing any more. */
  FORGOTTEN;

  boolean mayBecome(OffloadState next) {
    return switch (this) {
      case RUNNING -> next == ENDED || next == FORGOTTEN;
      case ENDED -> next == TELLING || next == FORGOTTEN;
      case TELLING -> next == ENDED || next == FORGOTTEN;
      case FORGOTTEN -> false;
    };
  }
}
