package io.selkie.server.compound;

import java.util.ArrayDeque;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What one client has waiting and running in one {@link WorkerLane}. Everything but the key and the
 * count of what is admitted is guarded by the lane's lock.
 */
final class Flow {
  final WorkerLane lane;

  /** A client id; for a connection of which no client is known yet its id, inverted. */
  final long client;

  final ArrayDeque<Runnable> waiting = new ArrayDeque<>();
  int running;

  /**
   * Compounds that count against the lane's capacity; for a moment more, while one asks for a
   * place.
   */
  final AtomicInteger admitted = new AtomicInteger();

  /** Whether it is in the lane's ring of those that may have another thread. */
  boolean ready;

  /** Whether the lane has forgotten it; then another one may stand for the client. */
  volatile boolean forgotten;

  Flow(WorkerLane lane, long client) {
    this.lane = lane;
    this.client = client;
  }

  boolean isIdle() {
    return running == 0 && waiting.isEmpty() && admitted.get() == 0;
  }
}
