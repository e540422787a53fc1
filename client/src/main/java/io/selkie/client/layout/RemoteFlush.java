package io.selkie.client.layout;

import io.selkie.client.ClientCounters;
import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.direct.DirectChannel;
import io.selkie.client.direct.DirtyRange;
import io.selkie.client.direct.ExtentTable;
import io.selkie.client.direct.GrantedExtent;
import io.selkie.client.direct.IoGate;
import io.selkie.rdma.WorkStatus;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes what was written directly durable by RDMA FLUSH, where the server says of the handles that
 * this does it: the server's processor has no part in it. What it leaves to LAYOUTCOMMIT are the
 * times of the file, which can wait for the close.
 *
 * <p>Safe for use by several threads.
 */
final class RemoteFlush {
  private static final Logger LOG = LoggerFactory.getLogger(RemoteFlush.class);

  /** With more round trips than this, one to the server is quicker. */
  private static final int FLUSHES_MAX = 4;

  private static final long FLUSH_BYTES_MAX = 1L << 30;

  private final IoGate gate;
  private final HeldExtents held;
  private final ClientCounters counters;
  private final DirtyRange untold;

  /**
   * How a flush went.
   *
   * @param isDurable whether all of the range is durable
   * @param refusedBy the channel whose device did not do it; null when there is none
   * @param status what the device said then
   */
  record Outcome(boolean isDurable, DirectChannel refusedBy, WorkStatus status) {
    /** To be committed. */
    static final Outcome LEFT = new Outcome(false, null, null);

    private static final Outcome DURABLE = new Outcome(true, null, WorkStatus.SUCCESS);
  }

  /**
   * @param untold what is durable and the server has not heard of: a range is marked there before a
   *     layout that it was written by can go
   */
  RemoteFlush(IoGate gate, HeldExtents held, ClientCounters counters, DirtyRange untold) {
    this.untold = untold;
    this.gate = gate;
    this.held = held;
    this.counters = counters;
  }

  /** Makes a range durable if it may; blocks for some round trips. */
  Outcome flush(DirtyRange.Taken taken) {
    // Inside, so that no handle goes meanwhile. Whoever closed it commits.
    if (!gate.enter()) {
      return Outcome.LEFT;
    }
    try {
      ExtentTable table = held.view().writable();
      if (!isWorthIt(table, taken)) {
        return Outcome.LEFT;
      }
      int last = table.find(taken.end() - 1);
      for (int i = table.find(taken.start()); i <= last; i++) {
        Outcome one = flush(table.get(i), taken);
        if (!one.isDurable()) {
          return one;
        }
      }
      untold.mark(taken.start(), taken.end());
      counters.increment(Counter.FLUSHED_SYNCS);
      return Outcome.DURABLE;
    } finally {
      gate.exit();
    }
  }

  private static boolean isWorthIt(ExtentTable table, DirtyRange.Taken taken) {
    if (taken.length() <= 0 || !table.covers(taken.start(), taken.length(), true)) {
      return false;
    }
    long flushes = 0;
    int last = table.find(taken.end() - 1);
    for (int i = table.find(taken.start()); i <= last; i++) {
      GrantedExtent extent = table.get(i);
      if (!extent.channel().mayFlush()) {
        return false;
      }
      flushes += Math.ceilDiv(end(extent, taken) - start(extent, taken), FLUSH_BYTES_MAX);
    }
    return flushes <= FLUSHES_MAX;
  }

  private static long start(GrantedExtent extent, DirtyRange.Taken taken) {
    return Math.max(extent.start(), taken.start());
  }

  private static long end(GrantedExtent extent, DirtyRange.Taken taken) {
    return Math.min(extent.end(), taken.end());
  }

  /**
   * The device did not do it, and not because the client was fenced: it is not asked again. To be
   * told when the server has taken a commit by the same layout.
   */
  void refused(Outcome outcome) {
    if (outcome.refusedBy().flushNoMore()) {
      counters.increment(Counter.FLUSHES_REFUSED);
      LOG.warn(
          "the device at {} refused RDMA FLUSH ({}): what is written there is made durable by"
              + " LAYOUTCOMMIT from now on",
          outcome.refusedBy().peer(),
          outcome.status());
    }
  }

  private static Outcome flush(GrantedExtent extent, DirtyRange.Taken taken) {
    long end = end(extent, taken);
    for (long at = start(extent, taken); at < end; at += FLUSH_BYTES_MAX) {
      long bytes = Math.min(end - at, FLUSH_BYTES_MAX);
      WorkStatus status =
          extent.channel().flush(extent.key(), extent.address() + (at - extent.start()), bytes);
      if (status != WorkStatus.SUCCESS) {
        // A dead key, after a fence, looks the same.
        boolean looksRefused =
            status == WorkStatus.REMOTE_ACCESS_ERROR || status == WorkStatus.PROTOCOL_ERROR;
        return looksRefused ? new Outcome(false, extent.channel(), status) : Outcome.LEFT;
      }
    }
    return Outcome.DURABLE;
  }
}
