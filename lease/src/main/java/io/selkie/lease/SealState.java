package io.selkie.lease;

/**
 * Life of a seal.
 *
 * <pre>
 * NEW → PREPARING → SEALING → VERIFYING → HELD → BREAKING → RELEASED
 *           |          |          |        |        |
 *           +----------+----------+→ LOST  +→ RELEASED
 *                                     ↑             |
 *                                     +-------------+
 * </pre>
 */
public enum SealState {
  /** Made, nothing done yet. */
  NEW,
  /** Ranges are being allocated, zeroed, unshared. */
  PREPARING,
  /** The kernel lease is being taken. */
  SEALING,
  /** The lease is held; the block map is being read and checked (S2). */
  VERIFYING,
  /** Handles may exist. */
  HELD,
  /** The kernel, or an audit, wants it back: handles are being taken back, none may be added. */
  BREAKING,
  /** The lease was given up before the kernel took it, no handle lived. End. */
  RELEASED,
  /** The kernel took the lease, or sealing failed. End. */
  LOST;

  /** Whether there is an edge to another state; there are no others. */
  public boolean mayBecome(SealState next) {
    return switch (this) {
      case NEW -> next == PREPARING;
      case PREPARING -> next == SEALING || next == LOST;
      case SEALING -> next == VERIFYING || next == LOST;
      case VERIFYING -> next == HELD || next == LOST;
      case HELD -> next == BREAKING || next == RELEASED;
      case BREAKING -> next == RELEASED || next == LOST;
      case RELEASED, LOST -> false;
    };
  }

  /** Whether it is an end. */
  public boolean isEnd() {
    return this == RELEASED || this == LOST;
  }
}
