package io.selkie.server.rpc;

import io.netty.channel.EventLoop;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;

/**
 * Closes connections that keep the server waiting: no first call, a record that does not end,
 * replies that are not read. A timer is pending only while one of these is the case, one at a time
 * per connection. Confined to the event loop.
 */
final class ConnectionWatch {

  private static final long NOT_WAITING = Long.MIN_VALUE;

  private final NettyConnection connection;
  private final EventLoop loop;
  private final RpcLimits limits;
  private final NanoClock clock;
  private final Timers timers;

  private long connectedAtNanos = NOT_WAITING;
  private long recordAtNanos = NOT_WAITING;
  private long unsentAtNanos = NOT_WAITING;
  private boolean closed;
  private Timers.Timer timer;

  ConnectionWatch(
      NettyConnection connection,
      EventLoop loop,
      RpcLimits limits,
      NanoClock clock,
      Timers timers) {
    this.connection = connection;
    this.loop = loop;
    this.limits = limits;
    this.clock = clock;
    this.timers = timers;
  }

  void connected() {
    connectedAtNanos = clock.nanoTime();
    arm(limits.handshakeTimeout());
  }

  /** A whole call came. */
  void called() {
    connectedAtNanos = NOT_WAITING;
    recordAtNanos = NOT_WAITING;
  }

  /** Whether the stream now stops within a record. */
  void inRecord(boolean inRecord) {
    if (!inRecord) {
      recordAtNanos = NOT_WAITING;
    } else if (recordAtNanos == NOT_WAITING) {
      recordAtNanos = clock.nanoTime();
      arm(limits.recordTimeout());
    }
  }

  /** Whether there are replies that the peer did not take, or how long begins anew. */
  void unsent(boolean unsent) {
    if (!unsent) {
      unsentAtNanos = NOT_WAITING;
    } else if (unsentAtNanos == NOT_WAITING) {
      unsentAtNanos = clock.nanoTime();
      arm(limits.sendTimeout());
    }
  }

  void close() {
    closed = true;
    if (timer != null) {
      timer.cancel();
      timer = null;
    }
  }

  private void arm(Duration delay) {
    if (timer == null && !closed) {
      timer = timers.schedule(delay.toNanos(), this::fire);
    }
  }

  private void fire() {
    try {
      loop.execute(this::check);
    } catch (RejectedExecutionException _) {
      // The transport is stopped, and all its connections with it.
    }
  }

  private void check() {
    timer = null;
    if (closed) {
      return;
    }
    long now = clock.nanoTime();
    long left = Long.MAX_VALUE;
    left = Math.min(left, left(connectedAtNanos, limits.handshakeTimeout(), now, "no call"));
    left = Math.min(left, left(recordAtNanos, limits.recordTimeout(), now, "incomplete record"));
    left = Math.min(left, left(unsentAtNanos, limits.sendTimeout(), now, "unread replies"));
    if (left != Long.MAX_VALUE && left > 0) {
      arm(Duration.ofNanos(left));
    }
  }

  /** Returns how long one wait may still last, after closing the connection if it may not. */
  private long left(long sinceNanos, Duration timeout, long now, String what) {
    if (sinceNanos == NOT_WAITING) {
      return Long.MAX_VALUE;
    }
    long left = timeout.toNanos() - (now - sinceNanos);
    if (left <= 0) {
      connection.close(what + " after " + timeout.toMillis() + " ms");
      return 0;
    }
    return left;
  }
}
