package io.selkie.server.trace;

import io.selkie.config.time.NanoClock;
import io.selkie.server.compound.Operation;
import io.selkie.server.compound.OperationObserver;
import io.selkie.server.metrics.ServerMetrics;
import java.util.concurrent.TimeUnit;

/**
 * Counts operations, and finds the slow ones. Those that touch memory only are not timed: reading
 * the clock twice would cost as much as they do. Safe for use by several threads.
 */
public final class TimedOperations implements OperationObserver {

  private final ServerMetrics metrics;
  private final EventRing ring;
  private final SlowOperations slow;
  private final NanoClock clock;
  private final long slowNanos;

  /**
   * Observes an engine.
   *
   * @param slowMillis what is slow; 0 for nothing, then no operation is timed
   */
  public TimedOperations(ServerMetrics metrics, NanoClock clock, long slowMillis) {
    this.metrics = metrics;
    this.ring = metrics.events();
    this.slow = new SlowOperations(ring);
    this.clock = clock;
    this.slowNanos = TimeUnit.MILLISECONDS.toNanos(slowMillis);
  }

  @Override
  public long begins(Operation operation) {
    return slowNanos == 0 || operation.cost() != Operation.Cost.BLOCKING || !ring.keeps()
        ? 0
        : clock.nanoTime() | 1;
  }

  @Override
  public void ended(int opcode, int status) {
    metrics.operation(opcode, status);
  }

  @Override
  public void ended(int opcode, int status, long clientId, long begun) {
    metrics.operation(opcode, status);
    if (begun != 0) {
      long now = clock.nanoTime();
      if (now - begun >= slowNanos) {
        slow.ended(opcode, status, clientId, now, now - begun);
      }
    }
  }
}
