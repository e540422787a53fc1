package io.selkie.layout.block;

/**
 * Life of a reservation key that is one client's at one disk.
 *
 * <pre>
 *   SECRET ──▶ TOLD ──▶ FENCING ──▶ AWAITING_EXPIRY     the disk could not be told, or the client
 *      │                   │              │             may be about to register: asked again
 *      │                   ▼              ▼             and again, for so long as that can be
 *      └────────────────▶ DEAD ◀──────────┘
 * </pre>
 */
enum ScsiKeyState {
  /** No client knows it: GETDEVICEINFO has not been answered. */
  SECRET,
  /** The client knows it, and may have registered it. */
  TOLD,
  /** The disk is being told to refuse it. */
  FENCING,
  /** Nobody knows whether the client reaches the disk, or will. */
  AWAITING_EXPIRY,
  /** The disk refuses it, or nobody ever knew it. End. */
  DEAD;

  boolean mayBecome(ScsiKeyState next) {
    return switch (this) {
      case SECRET -> next == TOLD || next == DEAD;
      case TOLD -> next == FENCING;
      case FENCING -> next == AWAITING_EXPIRY || next == DEAD;
      case AWAITING_EXPIRY -> next == DEAD;
      case DEAD -> false;
    };
  }
}
