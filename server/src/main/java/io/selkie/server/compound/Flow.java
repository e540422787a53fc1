package io.selkie.server.compound;

import java.util.ArrayDeque;

/**
 * What one client has waiting and running in one {@link WorkerLane}. Everything but the key is
 * guarded by the lane's lock.
 */
final class Flow {
  final WorkerLane lane;
  final long client;
  final ArrayDeque<Runnable> waiting = new ArrayDeque<>();
  int running;

  /** Whether it is in the lane's ring of those that may have another thread. */
  boolean ready;

  /** Whether the lane has forgotten it; then another one may stand for the client. */
  boolean forgotten;

  Flow(WorkerLane lane, long client) {
    this.lane = lane;
    this.client = client;
  }

  boolean isIdle() {
    return running == 0 && waiting.isEmpty();
  }
}
