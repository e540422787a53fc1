package io.selkie.server.state;

import java.time.Duration;

/**
 * What byte-range locks may take.
 *
 * @param locksMax ranges of all clients together, and as many stateids
 * @param locksPerClientMax ranges of one client, and as many stateids
 * @param waitersMax requests of all clients together that are remembered for a callback
 * @param waitersPerFileMax the same of one file
 * @param window how long a lock is kept for who was told that it is free
 * @param forget how long a waiter that does not ask again is remembered
 */
public record LockLimits(
    int locksMax,
    int locksPerClientMax,
    int waitersMax,
    int waitersPerFileMax,
    Duration window,
    Duration forget) {

  /** For a server whose clients poll at least once in a lease. */
  public static final LockLimits DEFAULT =
      new LockLimits(
          1_000_000, 100_000, 65_536, 1024, Duration.ofSeconds(1), Duration.ofSeconds(90));

  /** Checks that nothing is without room. */
  public LockLimits {
    if (locksMax <= 0
        || locksMax > StateidSlots.MAX
        || locksPerClientMax <= 0
        || waitersMax < 0
        || waitersPerFileMax < 0) {
      throw new IllegalArgumentException(
          "locks %d, of a client %d, waiters %d, of a file %d"
              .formatted(locksMax, locksPerClientMax, waitersMax, waitersPerFileMax));
    }
  }

  /** The same with other bounds on locks. */
  public LockLimits withLocks(int newLocksMax, int newLocksPerClientMax) {
    return new LockLimits(
        newLocksMax, newLocksPerClientMax, waitersMax, waitersPerFileMax, window, forget);
  }

  /** The same with another time after which silent waiters are forgotten. */
  public LockLimits withForget(Duration newForget) {
    return new LockLimits(
        locksMax, locksPerClientMax, waitersMax, waitersPerFileMax, window, newForget);
  }
}
