package io.selkie.layout;

/**
 * Life of a delegation.
 *
 * <pre>
 *   GRANTED --> RECALLED --> RETURNED
 *      | |          |
 *      | +----------|------> RETURNED     given back without being asked
 *      +------------+------> REVOKED      deadline, client gone, server closes
 * </pre>
 */
enum DelegationState {
  /** The client has it. */
  GRANTED,
  /** The client has it and was, or is being, asked for it. */
  RECALLED,
  /** It came back. End. */
  RETURNED,
  /** It was taken by force. End. */
  REVOKED;

  boolean mayBecome(DelegationState next) {
    return switch (this) {
      case GRANTED -> next == RECALLED || next == RETURNED || next == REVOKED;
      case RECALLED -> next == RETURNED || next == REVOKED;
      case RETURNED, REVOKED -> false;
    };
  }

  boolean isHeld() {
    return this == GRANTED || this == RECALLED;
  }
}
