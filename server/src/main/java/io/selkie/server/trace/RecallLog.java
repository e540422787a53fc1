package io.selkie.server.trace;

import io.selkie.layout.LayoutEvents;
import io.selkie.layout.RecallCause;
import java.util.HexFormat;
import java.util.Locale;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Writes recalls into the log, from the break to the release of the seal. Each line carries the
 * recall's number as {@code recall} in its context, as all other lines do that are written on
 * behalf of that recall.
 *
 * <p>Fences and revocations are warnings. The end of a recall that a local process or an
 * administrator caused is information; every other step is told at the level DEBUG: {@code selkie
 * ctl log level debug selkie.recall}.
 *
 * <p>Lines are written by a thread of their own, because standard error may be a pipe that nobody
 * reads, and events must not wait. What it cannot keep up with is counted and said.
 */
public final class RecallLog implements LayoutEvents, AutoCloseable {

  /** The logger of these lines. */
  public static final String NAME = "selkie.recall";

  private static final Logger LOG = LoggerFactory.getLogger(NAME);
  private static final int LINES_WAITING = 1024;

  private final ArrayBlockingQueue<Event> waiting = new ArrayBlockingQueue<>(LINES_WAITING);
  private final AtomicLong lost = new AtomicLong();
  private final Thread writer;

  /** Begins. */
  public RecallLog() {
    writer = Thread.ofPlatform().name("recall-log").daemon().start(this::write);
  }

  @Override
  public void on(Event event) {
    if (isTold(event) && !waiting.offer(event)) {
      lost.incrementAndGet();
    }
  }

  private static boolean isTold(Event event) {
    return switch (event.step()) {
      case FENCE_BEGUN, DELEGATION_REVOKED, AUDIT_DIFFERENCE, INVALIDATION_FAILED -> true;
      case SEAL_RELEASED ->
          event.recallId() != 0 && (isForOthers(event.cause()) || LOG.isDebugEnabled());
      default -> event.recallId() != 0 && LOG.isDebugEnabled();
    };
  }

  /** Whether somebody waits who is no client. */
  private static boolean isForOthers(RecallCause cause) {
    return cause == RecallCause.KERNEL_LEASE_BREAK || cause == RecallCause.ADMINISTRATIVE;
  }

  private void write() {
    try {
      while (true) {
        Event event = waiting.take();
        long missed = lost.getAndSet(0);
        if (missed > 0) {
          LOG.warn("{} lines about recalls are missing here: the log was not taken", missed);
        }
        tell(event);
      }
    } catch (InterruptedException _) {
      for (Event event = waiting.poll(); event != null; event = waiting.poll()) {
        tell(event);
      }
    }
  }

  private static void tell(Event event) {
    try (var _ = MDC.putCloseable(LayoutEvents.RECALL_CONTEXT, Long.toString(event.recallId()))) {
      say(event);
    }
  }

  private static void say(Event event) {
    switch (event.step()) {
      case FENCE_BEGUN ->
          LOG.warn(
              "{} ({}): client {} is fenced, {} bytes, {}",
              event.path(),
              cause(event),
              client(event),
              event.bytes(),
              event.detail());
      case DELEGATION_REVOKED ->
          LOG.warn(
              "{} ({}): the delegation of client {} is revoked, {}",
              event.path(),
              cause(event),
              client(event),
              event.detail());
      case AUDIT_DIFFERENCE, INVALIDATION_FAILED ->
          LOG.warn(
              "{} ({}): {}, client {}, {}",
              event.path(),
              cause(event),
              words(event.step()),
              client(event),
              event.detail());
      case SEAL_RELEASED ->
          LOG.info("{} ({}): over, the seal is given up", event.path(), cause(event));
      default ->
          LOG.debug(
              "{} ({}): {}, client {}, {} bytes, {}",
              event.path(),
              cause(event),
              words(event.step()),
              client(event),
              event.bytes(),
              event.detail());
    }
  }

  private static String words(Step step) {
    return step.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  private static String cause(Event event) {
    return event.cause() == null ? "-" : event.cause().name().toLowerCase(Locale.ROOT);
  }

  private static String client(Event event) {
    return event.clientId() == 0 ? "-" : HexFormat.of().toHexDigits(event.clientId());
  }

  /** What waits is written; the caller does not wait for it. */
  @Override
  public void close() {
    writer.interrupt();
  }
}
