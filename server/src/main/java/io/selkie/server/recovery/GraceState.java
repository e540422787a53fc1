package io.selkie.server.recovery;

/** Where the grace period stands. */
enum GraceState {
  /** Clients reclaim; nobody gets anything new. */
  RUNNING,
  /**
   * Nobody reclaims any more, and nobody gets anything new before those who did not finish have
   * lost their right to reclaim on disk too (RFC 8881 section 8.4.3, the second edge condition).
   */
  ENDING,
  /** New state only; another one begins when an administrator wants it. */
  OVER;

  boolean canBecome(GraceState next) {
    return switch (this) {
      case RUNNING -> next == ENDING;
      case ENDING -> next == OVER;
      case OVER -> next == RUNNING;
    };
  }
}
