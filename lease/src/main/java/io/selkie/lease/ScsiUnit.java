package io.selkie.lease;

import java.util.Set;

/**
 * A SCSI disk that this server has reserved, so that only those reach it who have registered a key.
 * Methods block as the disk does; safe for use by several threads.
 */
public interface ScsiUnit {

  /** What clients find it by. */
  ScsiDesignator designator();

  /** The keys that are registered now, ours among them (PERSISTENT RESERVE IN, READ KEYS). */
  Set<Long> keys() throws ScsiException;

  /**
   * Takes a key away and ends what its owner has under way (PREEMPT AND ABORT): from then on the
   * disk refuses it. Where it does not {@linkplain #aborts abort}, what was under way may still
   * land.
   *
   * @throws ScsiException when it does not; a conflict when nobody has registered that key
   */
  void preempt(long key) throws ScsiException;

  /** Whether {@link #preempt} ends what is under way; else that goes on to its end. */
  default boolean aborts() {
    return true;
  }

  /** For people. */
  String describe();
}
