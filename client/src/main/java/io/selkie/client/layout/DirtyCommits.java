package io.selkie.client.layout;

import io.selkie.client.direct.DirtyRange;
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
  private final LayoutWire wire;
  private final RemoteFlush remote;
  private final DirtyRange dirty = new DirtyRange();

  /** Durable, but the server has not heard of it: its times are those of before. */
  private final DirtyRange untold = new DirtyRange();

  private final Set<DirtyRange.Taken> inCommit = ConcurrentHashMap.newKeySet();

  DirtyCommits(LayoutWire wire, RemoteFlush remote) {
    this.wire = wire;
    this.remote = remote;
  }

  DirtyRange dirty() {
    return dirty;
  }

  /** Nothing is dirty any more; what was is in doubt. Null when there was nothing. */
  DirtyRange.Taken forget() {
    // The server that should have set the times is no more.
    var _ = untold.take();
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
    DirtyRange.Taken told = withUntold(taken);
    if (told != null && !commit(taken, told, presented, deadline) && taken != null) {
      dirty.putBack(taken);
    }
  }

  private DirtyRange.Taken withUntold(DirtyRange.Taken taken) {
    DirtyRange.Taken owed = untold.take();
    return owed == null ? taken : owed.and(taken);
  }

  /**
   * Makes what was written durable for a sync: by RDMA FLUSH where that does it, else by commit.
   *
   * @param held the layout stateid, or null
   * @param isLast whether no more is to come: then the server is told of all that it has not heard
   * @return what could not be made durable that way and is left to the caller, or null
   */
  DirtyRange.Taken forSync(Stateid4 held, boolean isLast, Deadline deadline) throws IOException {
    DirtyRange.Taken taken = dirty.take();
    if (taken == null && !isLast) {
      return null;
    }
    if (held != null && !isLast && flush(taken)) {
      untold.putBack(taken);
      return null;
    }
    DirtyRange.Taken told = withUntold(taken);
    return told == null || (held != null && commit(taken, told, held, deadline)) ? null : taken;
  }

  private boolean flush(DirtyRange.Taken taken) {
    inCommit.add(taken);
    try {
      return remote.flush(taken);
    } finally {
      inCommit.remove(taken);
    }
  }

  /**
   * LAYOUTCOMMIT.
   *
   * @param taken what is not durable; null when all is
   * @param told what to name: that, and what the server has not heard of
   */
  private boolean commit(
      DirtyRange.Taken taken, DirtyRange.Taken told, Stateid4 presented, Deadline deadline)
      throws IOException {
    if (taken != null) {
      inCommit.add(taken);
    }
    try {
      return wire.commit(told, presented, deadline);
    } catch (IOException e) {
      if (taken != null) {
        dirty.putBack(taken);
      }
      throw e;
    } finally {
      if (taken != null) {
        inCommit.remove(taken);
      }
    }
  }
}
