package io.selkie.lease;

/** What an audit of one seal found (S2). */
public sealed interface AuditOutcome {

  /**
   * All that is granted is still as it was.
   *
   * @param maps granted block maps compared
   * @param extents extents read
   */
  record Clean(int maps, int extents) implements AuditOutcome {}

  /** It is not. The seal is BREAKING and its listener was told. */
  record Different(MapDifference difference) implements AuditOutcome {}

  /**
   * It could not be read this time.
   *
   * @param reason one clause
   */
  record Unreadable(String reason) implements AuditOutcome {}

  /** It is not held, so nothing is granted. */
  record NotHeld(SealState state) implements AuditOutcome {}
}
