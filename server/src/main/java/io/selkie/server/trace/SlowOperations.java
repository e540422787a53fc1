package io.selkie.server.trace;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells of operations that took long, whatever they waited for: a worker, a disk, a recall. They
 * are in the ring of events and in the flight recorder; one in a second is in the log. Safe for use
 * by several threads.
 */
public final class SlowOperations {

  private static final Logger LOG = LoggerFactory.getLogger(SlowOperations.class);
  private static final long LOGGED_EVERY_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final EventRing ring;
  private long loggedNanos;
  private long unsaid = -1;

  /** Tells a ring. */
  public SlowOperations(EventRing ring) {
    this.ring = ring;
  }

  /**
   * An operation took long.
   *
   * @param endNanos when it ended
   * @param nanos how long it took
   * @param clientId 0 when it is not known
   */
  public void ended(int opcode, int status, long clientId, long endNanos, long nanos) {
    String name = NfsOp4.name(opcode);
    ring.add(
        new ServerEvent(
            endNanos, "SLOW_OPERATION", clientId, nanos, name + " " + NfsStat4.name(status)));
    FlightEvents.slow(name, clientId, nanos);
    long before;
    synchronized (this) {
      if (unsaid >= 0 && endNanos - loggedNanos < LOGGED_EVERY_NANOS) {
        unsaid++;
        return;
      }
      before = Math.max(0, unsaid);
      unsaid = 0;
      loggedNanos = endNanos;
    }
    LOG.info(
        "{} of client {} took {} ms and was answered with {}{}",
        name,
        HexFormat.of().toHexDigits(clientId),
        TimeUnit.NANOSECONDS.toMillis(nanos),
        NfsStat4.name(status),
        before == 0 ? "" : "; " + before + " slow ones before it are in selkie ctl events only");
  }
}
