package io.selkie.client.session;

import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.ScheduledFuture;
import io.selkie.config.time.Timers;
import java.util.concurrent.TimeUnit;

/** Timers on the client's event loop. */
public final class EventLoopTimers implements Timers {
  private final EventLoopGroup group;

  /** Tasks run on one of the group's threads. */
  public EventLoopTimers(EventLoopGroup group) {
    this.group = group;
  }

  @Override
  public Timer schedule(long delayNanos, Runnable task) {
    ScheduledFuture<?> future = group.schedule(task, Math.max(0, delayNanos), TimeUnit.NANOSECONDS);
    return () -> future.cancel(false);
  }
}
