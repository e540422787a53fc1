package io.selkie.server.trace;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.LayoutEvents;
import io.selkie.lease.FileIdentity;
import io.selkie.server.admin.Rows.EventRow;
import io.selkie.server.trace.EventRing.Entry;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.Locale;

/** Events as administrators see them. Safe for use by several threads. */
public final class EventRows {

  private static final HexFormat HEX = HexFormat.of();

  private final NanoClock clock;
  private final InstantSource wall;

  /** Times of day are told by a clock on the wall, and by how long ago something was. */
  public EventRows(NanoClock clock, InstantSource wall) {
    this.clock = clock;
    this.wall = wall;
  }

  /** An event as a row. */
  public EventRow row(Entry entry) {
    return switch (entry.event()) {
      case LayoutEvents.Event event ->
          new EventRow(
              entry.number(),
              at(event.atNanos()),
              event.step().name().toLowerCase(Locale.ROOT),
              event.recallId() == 0 ? null : event.recallId(),
              client(event.clientId()),
              file(event.file()),
              event.path(),
              event.cause() == null ? null : event.cause().name().toLowerCase(Locale.ROOT),
              event.bytes(),
              null,
              event.detail());
      case ServerEvent event ->
          new EventRow(
              entry.number(),
              at(event.atNanos()),
              event.what().toLowerCase(Locale.ROOT),
              null,
              client(event.clientId()),
              null,
              null,
              null,
              0,
              event.nanos() / 1000,
              event.detail());
      default -> throw new IllegalStateException("no event: " + entry.event());
    };
  }

  private String at(long nanos) {
    Instant now = wall.instant();
    return now.minusNanos(clock.nanoTime() - nanos).toString();
  }

  private static String client(long id) {
    return id == 0 ? null : HEX.toHexDigits(id);
  }

  private static String file(FileIdentity file) {
    return file == null
        ? null
        : "%d:%d:%s"
            .formatted(
                file.device() >>> 32,
                file.device() & 0xffff_ffffL,
                Long.toUnsignedString(file.inode()));
  }
}
