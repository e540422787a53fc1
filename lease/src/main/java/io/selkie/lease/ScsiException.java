package io.selkie.lease;

import java.io.IOException;

/** A SCSI disk did not do what it was told: what was tried, on what, what it said. */
public final class ScsiException extends IOException {
  private static final long serialVersionUID = 1L;

  private final boolean conflict;

  /**
   * One line.
   *
   * @param conflict whether a reservation forbade it
   */
  public ScsiException(String message, boolean conflict) {
    super(message);
    this.conflict = conflict;
  }

  /** Whether a reservation forbade it. */
  public boolean isConflict() {
    return conflict;
  }
}
