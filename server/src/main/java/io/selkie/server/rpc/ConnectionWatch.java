package io.selkie.server.rpc;

import io.netty.channel.EventLoop;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;

/**
 * Closes connections that keep the server waiting: no first call, a record that does not end,
 * replies that are not read. A timer is pending only while one of these is the case, one at a time
 * per connection; another one looks now and then whether anybody needs the connection. Confined to
 * the event loop.
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
  private long neededAtNanos;
  private Timers.Timer needTimer;

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
    neededAtNanos = connectedAtNanos;
    armNeed(limits.unneededTimeout().toNanos());
  }

  /** A whole call came. */
  void called() {
    connectedAtNanos = NOT_WAITING;
    recordAtNanos = NOT_WAITING;
    neededAtNanos = clock.nanoTime();
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
    if (needTimer != null) {
      needTimer.cancel();
      needTimer = null;
    }
  }

  private void armNeed(long nanos) {
    needTimer = timers.schedule(nanos, () -> fire(this::checkNeed));
  }

  private void checkNeed() {
    needTimer = null;
    if (closed) {
      return;
    }
    if (connection.isNeeded()) {
      neededAtNanos = clock.nanoTime();
    }
    long left =
        left(neededAtNanos, limits.unneededTimeout(), clock.nanoTime(), "no session and no call");
    if (left > 0) {
      armNeed(left);
    }
  }

  private void arm(Duration delay) {
    if (timer == null && !closed) {
      timer = timers.schedule(delay.toNanos(), () -> fire(this::check));
    }
  }

  private void fire(Runnable check) {
    try {
      loop.execute(check);
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
