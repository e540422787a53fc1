package io.selkie.layout;

/** Life of one part of a layout: one handle, or one hole that a client was told of. */
enum LayoutState {
  /** The client has it. */
  GRANTED,
  /** The client has it and was, or is being, asked for it. */
  RECALLED,
  /** The client gave it back, by itself or implicitly; its handle is being invalidated. */
  RETURNING,
  /** It is taken by force; its handle is being invalidated. */
  FENCING,
  /** Dead after a return. End. */
  RETURNED,
  /** Dead after a fence. End. */
  REVOKED;

  boolean mayBecome(LayoutState next) {
    return switch (this) {
      case GRANTED -> next == RECALLED || next == RETURNING || next == FENCING;
      case RECALLED -> next == RETURNING || next == FENCING;
      case RETURNING -> next == RETURNED;
      case FENCING -> next == REVOKED;
      case RETURNED, REVOKED -> false;
    };
  }

  /** Whether the client may still use it. */
  boolean isHeld() {
    return this == GRANTED || this == RECALLED;
  }

  /** Whether its handle may still be usable. */
  boolean isLive() {
    return this != RETURNED && this != REVOKED;
  }
}
