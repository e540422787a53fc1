package io.selkie.layout.block;

/**
 * Life of what a client was told of a device. There is no fence: a plain block device takes what
 * comes. So who does not give back is waited for (RFC 5663 section 2.3.8): a client may use a
 * layout no longer than its lease, and what it began in that time is over some time later.
 *
 * <pre>
 *   GRANTED ──▶ DEAD               given back: the client has nothing under way any more
 *      │          ▲
 *      └──▶ AWAITING_EXPIRY        not given back: one lease and one I/O from now
 * </pre>
 */
enum BlockHandleState {
  /** The client uses it. */
  GRANTED,
  /** It was taken back without the client's help, which may not know of it yet. */
  AWAITING_EXPIRY,
  /** Nothing can come any more. End. */
  DEAD;

  boolean mayBecome(BlockHandleState next) {
    return switch (this) {
      case GRANTED -> next == AWAITING_EXPIRY || next == DEAD;
      case AWAITING_EXPIRY -> next == DEAD;
      case DEAD -> false;
    };
  }
}
