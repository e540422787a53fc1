package io.selkie.layout;

import java.util.concurrent.TimeUnit;

/**
 * When delegations are given, concluded once from the configuration. Deadlines and back-off of
 * recalls are those of layouts ({@link LayoutPolicy}): one kernel lease stands behind both.
 *
 * @param enabled whether any is given at all
 * @param delegationsMax of all clients together
 * @param delegationsPerClientMax of one client
 * @param contentionNanos how long a file stays without after somebody took one back
 * @param attributesWaitNanos how long a GETATTR waits for the answer to CB_GETATTR before the
 *     delegation is recalled
 */
public record DelegationPolicy(
    boolean enabled,
    int delegationsMax,
    int delegationsPerClientMax,
    long contentionNanos,
    long attributesWaitNanos) {

  /** None at all. */
  public static final DelegationPolicy OFF =
      new DelegationPolicy(false, 1, 1, 0, TimeUnit.MILLISECONDS.toNanos(500));

  /** Checks the bounds. */
  public DelegationPolicy {
    if (delegationsMax <= 0
        || delegationsPerClientMax <= 0
        || contentionNanos < 0
        || attributesWaitNanos <= 0) {
      throw new IllegalArgumentException(
          "delegations %d, of one client %d, contention %d ns, wait %d ns"
              .formatted(
                  delegationsMax, delegationsPerClientMax, contentionNanos, attributesWaitNanos));
    }
  }
}
