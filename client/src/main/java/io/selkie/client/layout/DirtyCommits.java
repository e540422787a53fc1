package io.selkie.client.layout;

import io.selkie.client.ClientCounters;
import io.selkie.client.direct.DirtyRange;
import io.selkie.client.direct.IoGate;
import io.selkie.client.session.Deadline;
import io.selkie.client.session.StateListener;
import io.selkie.protocol.nfs4.Stateid4;
import java.io.IOException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What was written directly to a file and is not durable yet, and the LAYOUTCOMMITs that are on the
 * way for it: when the server loses all state, both are in doubt.
 */
final class DirtyCommits {

  /** LAYOUTCOMMIT, as it goes to the server. */
  interface Wire {
    /** False when the server does not take it. */
    boolean commit(DirtyRange.Taken taken, Stateid4 presented, Deadline deadline)
        throws IOException;

    /** The same in reclaim mode, after a restart of the server. */
    boolean reclaimCommit(DirtyRange.Taken taken, Stateid4 lost, StateListener.RecoveryCalls calls)
        throws IOException;
  }

  private final Wire wire;
  private final RemoteFlush remote;
  private final DirtyRange dirty = new DirtyRange();

  /** Durable, but the server has not heard of it: its times are those of before. */
  private final DirtyRange untold = new DirtyRange();

  private final Set<DirtyRange.Taken> inCommit = ConcurrentHashMap.newKeySet();

  DirtyCommits(Wire wire, IoGate gate, HeldExtents held, ClientCounters counters) {
    this.wire = wire;
    this.remote = new RemoteFlush(gate, held, counters, untold);
  }

  DirtyRange dirty() {
    return dirty;
  }

  /**
   * Nothing is dirty any more; what was is in doubt. Null when there was nothing. What is durable
   * stays to be told: the server that comes after has the file's times of before.
   */
  DirtyRange.Taken forget() {
    DirtyRange.Taken doubt = dirty.take();
    for (DirtyRange.Taken taken : inCommit) {
      doubt = taken.and(doubt);
    }
    return doubt;
  }

  /** Commits what was forgotten, after a restart of the server; false when it is lost. */
  boolean reclaim(DirtyRange.Taken taken, Stateid4 lost, StateListener.RecoveryCalls calls)
      throws IOException {
    return wire.reclaimCommit(taken, lost, calls);
  }

  /**
   * Commits before the layout goes. What cannot be committed stays dirty: the next sync makes it
   * durable through the server.
   */
  void beforeReturn(Stateid4 presented, Deadline deadline) throws IOException {
    DirtyRange.Taken taken = dirty.take();
    watched(
        taken,
        () -> {
          if (!commit(taken, presented, deadline) && taken != null) {
            dirty.putBack(taken);
          }
          return true;
        });
  }

  /**
   * Makes what was written durable for a sync: by RDMA FLUSH where that does it, else by commit.
   *
   * @param held the layout stateid, or null
   * @param isLast whether no more is to come: then the server is told of all that it has not heard
   */
  Unsettled forSync(Stateid4 held, boolean isLast, Deadline deadline) throws IOException {
    DirtyRange.Taken taken = dirty.take();
    if (taken == null && !isLast) {
      return Unsettled.NOTHING;
    }
    boolean durable = watched(taken, () -> held != null && settle(taken, held, isLast, deadline));
    boolean owed = isLast && untold.take() != null;
    return new Unsettled(durable ? null : taken, owed);
  }

  private boolean settle(DirtyRange.Taken taken, Stateid4 held, boolean isLast, Deadline deadline)
      throws IOException {
    RemoteFlush.Outcome flush = isLast ? RemoteFlush.Outcome.LEFT : remote.flush(taken);
    if (flush.isDurable()) {
      return true;
    }
    boolean committed = commit(taken, held, deadline);
    if (committed && flush.refusedBy() != null) {
      // The layout is alive, so it was no fence that the device told us of.
      remote.refused(flush);
    }
    return committed;
  }

  private interface Attempt {
    boolean succeeds() throws IOException;
  }

  /** What is taken is found by {@link #forget} meanwhile, and is dirty again if this throws. */
  private boolean watched(DirtyRange.Taken taken, Attempt attempt) throws IOException {
    if (taken == null) {
      return attempt.succeeds();
    }
    inCommit.add(taken);
    boolean ended = false;
    try {
      boolean succeeded = attempt.succeeds();
      ended = true;
      return succeeded;
    } finally {
      if (!ended) {
        dirty.putBack(taken);
      }
      inCommit.remove(taken);
    }
  }

  /**
   * LAYOUTCOMMIT of what is not durable, null when all is, and of what the server has not heard of:
   * if it does not take that, it is to be told later.
   */
  private boolean commit(DirtyRange.Taken taken, Stateid4 presented, Deadline deadline)
      throws IOException {
    DirtyRange.Taken owed = untold.take();
    if (taken == null && owed == null) {
      return true;
    }
    boolean done = false;
    try {
      done = wire.commit(owed == null ? taken : owed.and(taken), presented, deadline);
      return done;
    } finally {
      if (!done && owed != null) {
        untold.putBack(owed);
      }
    }
  }
}
