package io.selkie.lease;

import java.util.concurrent.TimeUnit;

/**
 * Bounds of the seals' work; none of them changes what is correct.
 *
 * @param extentsPerPage extents asked for in one FIEMAP call, 2 to 65,536
 * @param extentsPerMapMax most extents of one block map after merging; a range with more is refused
 * @param triesMax how often preparing and reading is begun anew when the map moves, 1 or more
 * @param auditIntervalNanos each seal is audited about this often; less often when that is too much
 *     work for the bounds below
 * @param auditSealsPerTick most seals audited in one piece of work
 * @param auditExtentsPerTick a piece of work ends after reading so many extents
 * @param auditFailuresMax a seal whose map cannot be read so many times in a row counts as changed
 */
public record LeaseSettings(
    int extentsPerPage,
    int extentsPerMapMax,
    int triesMax,
    long auditIntervalNanos,
    int auditSealsPerTick,
    int auditExtentsPerTick,
    int auditFailuresMax) {

  /** Checks the bounds. */
  public LeaseSettings {
    if (extentsPerPage < 2
        || extentsPerPage > 1 << 16
        || extentsPerMapMax < 1
        || triesMax < 1
        || auditIntervalNanos < 1
        || auditSealsPerTick < 1
        || auditExtentsPerTick < 1
        || auditFailuresMax < 1) {
      throw new IllegalArgumentException("a bound of the lease settings is out of range");
    }
  }

  /** What a server has unless it is told otherwise. */
  public static LeaseSettings defaults() {
    return new LeaseSettings(1024, 16_384, 6, TimeUnit.SECONDS.toNanos(1), 256, 65_536, 3);
  }

  /** The same with another pace of the auditor. */
  public LeaseSettings withAuditIntervalNanos(long nanos) {
    return new LeaseSettings(
        extentsPerPage,
        extentsPerMapMax,
        triesMax,
        nanos,
        auditSealsPerTick,
        auditExtentsPerTick,
        auditFailuresMax);
  }
}
