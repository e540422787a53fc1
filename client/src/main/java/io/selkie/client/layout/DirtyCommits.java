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
  private final DirtyRange dirty = new DirtyRange();
  private final Set<DirtyRange.Taken> inCommit = ConcurrentHashMap.newKeySet();

  DirtyCommits(LayoutWire wire) {
    this.wire = wire;
  }

  DirtyRange dirty() {
    return dirty;
  }

  /** Nothing is dirty any more; what was is in doubt. Null when there was nothing. */
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
    if (taken != null && !commit(taken, presented, deadline)) {
      dirty.putBack(taken);
    }
  }

  /**
   * Commits for a sync.
   *
   * @param held the layout stateid, or null
   * @return what could not be committed that way and is left to the caller, or null
   */
  DirtyRange.Taken forSync(Stateid4 held, Deadline deadline) throws IOException {
    DirtyRange.Taken taken = dirty.take();
    return taken == null || (held != null && commit(taken, held, deadline)) ? null : taken;
  }

  private boolean commit(DirtyRange.Taken taken, Stateid4 presented, Deadline deadline)
      throws IOException {
    inCommit.add(taken);
    try {
      return wire.commit(taken, presented, deadline);
    } catch (IOException e) {
      dirty.putBack(taken);
      throw e;
    } finally {
      inCommit.remove(taken);
    }
  }
}
