package io.selkie.server.admin;

import io.selkie.layout.LayoutEvents;
import io.selkie.server.WallClock;
import io.selkie.server.admin.AdminException.Code;
import io.selkie.server.admin.Rows.Listed;
import io.selkie.server.trace.EventRing;
import io.selkie.server.trace.EventRing.Entry;
import io.selkie.server.trace.EventRows;
import io.selkie.server.trace.ServerEvent;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** Lists recent events, and goes on with those that come. Safe for use by several threads. */
final class AdminEvents {

  /** Events that wait for a reader who is slow; what does not fit is counted and said. */
  private static final int WAITING_MAX = 4096;

  private static final int QUIET_SECONDS = 10;

  private final AdminParts parts;
  private final EventRows rows;

  AdminEvents(AdminParts parts) {
    this.parts = parts;
    this.rows = new EventRows(parts.clock(), new WallClock());
  }

  private EventRing ring() {
    return parts.metrics().events();
  }

  /**
   * The last events that are meant, as many as the limit says or all; with the action "follow"
   * those too that come from then on, until the reader goes.
   */
  Listed answer(AdminRequest request, Selection selection, AdminSink sink)
      throws AdminException, IOException, InterruptedException {
    Predicate<Entry> wanted = wanted(request, selection);
    if (request.action().isEmpty()) {
      return new Listed(last(request.limit(), wanted, sink), false);
    }
    if (!request.action().get().equals("follow")) {
      throw new AdminException(
          Code.BAD_REQUEST, "events are listed, or with the action \"follow\" followed");
    }
    return follow(request.limit(), wanted, sink);
  }

  private static Predicate<Entry> wanted(AdminRequest request, Selection selection)
      throws AdminException {
    OptionalLong recall = recall(request);
    Predicate<io.selkie.lease.FileIdentity> files = selection.files();
    boolean anyFile = request.file().isEmpty() && request.device().isEmpty();
    return entry ->
        switch (entry.event()) {
          case LayoutEvents.Event event ->
              selection.isClient(event.clientId())
                  && (recall.isEmpty() || recall.getAsLong() == event.recallId())
                  && (anyFile || files.test(event.file()));
          case ServerEvent event ->
              selection.isClient(event.clientId()) && recall.isEmpty() && anyFile;
          default -> false;
        };
  }

  private static OptionalLong recall(AdminRequest request) throws AdminException {
    if (request.id().isEmpty()) {
      return OptionalLong.empty();
    }
    try {
      return OptionalLong.of(Long.parseLong(request.id().get()));
    } catch (NumberFormatException _) {
      throw new AdminException(
          Code.BAD_REQUEST, "'" + request.id().get() + "' is no number of a recall");
    }
  }

  private long last(long limit, Predicate<Entry> wanted, AdminSink sink) throws IOException {
    List<Entry> found = ring().recent(EventRing.EVENTS_KEPT).stream().filter(wanted).toList();
    int from = limit == 0 ? 0 : (int) Math.max(0, found.size() - limit);
    for (Entry entry : found.subList(from, found.size())) {
      sink.row(rows.row(entry));
    }
    return (long) found.size() - from;
  }

  private Listed follow(long limit, Predicate<Entry> wanted, AdminSink sink)
      throws IOException, InterruptedException {
    ArrayBlockingQueue<Entry> coming = new ArrayBlockingQueue<>(WAITING_MAX);
    AtomicLong lost = new AtomicLong();
    Consumer<Entry> follower =
        entry -> {
          if (wanted.test(entry) && !coming.offer(entry)) {
            lost.incrementAndGet();
          }
        };
    // What happens between the two is in the list, or comes: its number tells which.
    EventRing ring = ring();
    long seen = ring.count();
    ring.follow(follower);
    try {
      List<Entry> before =
          ring.recent(EventRing.EVENTS_KEPT).stream()
              .filter(entry -> entry.number() < seen)
              .filter(wanted)
              .toList();
      int from = (int) Math.max(0, before.size() - limit);
      for (Entry entry : before.subList(from, before.size())) {
        sink.row(rows.row(entry));
      }
      while (true) {
        sink.pause();
        Entry next = coming.poll(QUIET_SECONDS, TimeUnit.SECONDS);
        while (next != null) {
          long missed = lost.getAndSet(0);
          if (missed > 0) {
            sink.progress(
                missed + " events are missing here: they came faster than they were read");
          }
          if (next.number() >= seen) {
            sink.row(rows.row(next));
          }
          next = coming.poll();
        }
      }
    } finally {
      ring.unfollow(follower);
    }
  }
}
