package io.selkie.layout.block;

/**
 * Life of what a client was told of a SCSI disk.
 *
 * <pre>
 *   GRANTED ──▶ FENCING ──▶ DROPPING ──▶ DEAD
 *      │                     ▲     │ ▲
 *      └── given back ───────┘     ▼ │
 *                                 STUCK      asked again, twice a second
 * </pre>
 */
enum ScsiHandleState {
  /** The client uses it. */
  GRANTED,
  /** It was not given back: the disk is being told to refuse the client. */
  FENCING,
  /** The client is done; the page cache is made to forget what it changed. */
  DROPPING,
  /** The page cache did not forget. */
  STUCK,
  /** Nothing can come any more, and the server sees what came. End. */
  DEAD;

  boolean mayBecome(ScsiHandleState next) {
    return switch (this) {
      case GRANTED -> next == FENCING || next == DROPPING;
      case FENCING, STUCK -> next == DROPPING;
      case DROPPING -> next == DEAD || next == STUCK;
      case DEAD -> false;
    };
  }
}
