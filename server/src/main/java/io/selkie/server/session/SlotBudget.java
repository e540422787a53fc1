package io.selkie.server.session;

/**
 * What the reply caches of all sessions together may promise to hold, in bytes. Safe for use by
 * several threads.
 */
final class SlotBudget {

  /** How much of it is promised. */
  enum Pressure {
    /** Sessions may have what they ask for. */
    NONE,
    /** Three quarters: new sessions get few slots, unused ones are asked back. */
    SOME,
    /** Nine tenths: used ones are asked back too, and who has a session gets no other. */
    HIGH
  }

  private final long maxBytes;
  private long takenBytes;
  private volatile Pressure pressure = Pressure.NONE;

  SlotBudget(long maxBytes) {
    this.maxBytes = maxBytes;
  }

  /** How many times so many bytes could be taken now, after so many that are taken once. */
  synchronized long affordable(long onceBytes, long bytes) {
    return Math.max(0, maxBytes - takenBytes - onceBytes) / bytes;
  }

  /** Takes so many bytes; false when there are not so many. */
  synchronized boolean take(long bytes) {
    if (bytes > maxBytes - takenBytes) {
      return false;
    }
    takenBytes += bytes;
    judge();
    return true;
  }

  /** Gives so many bytes back. */
  synchronized void give(long bytes) {
    takenBytes -= bytes;
    if (takenBytes < 0) {
      throw new IllegalStateException("more given back than taken: " + takenBytes);
    }
    judge();
  }

  private void judge() {
    if (takenBytes > maxBytes / 10 * 9) {
      pressure = Pressure.HIGH;
    } else {
      pressure = takenBytes > maxBytes / 4 * 3 ? Pressure.SOME : Pressure.NONE;
    }
  }

  Pressure pressure() {
    return pressure;
  }
}
