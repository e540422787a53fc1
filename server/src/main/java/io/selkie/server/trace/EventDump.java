package io.selkie.server.trace;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SequenceWriter;
import io.selkie.config.time.NanoClock;
import io.selkie.server.trace.EventRing.Entry;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the ring of events to a file when something has gone wrong, or when somebody asks: {@code
 * events-TIME-REASON.jsonl} in the server's state directory, one line of JSON for each event, the
 * oldest first. The last {@value #FILES_KEPT} of each reason are kept, and failures cause one in
 * {@value #FAILURE_SECONDS} seconds at most. Safe for use by several threads.
 */
public final class EventDump {

  static final int FILES_KEPT = 8;
  static final int FAILURE_SECONDS = 60;

  private static final Logger LOG = LoggerFactory.getLogger(EventDump.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final DateTimeFormatter NAME =
      DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss.SSS'Z'").withZone(ZoneOffset.UTC);

  private final EventRing ring;
  private final EventRows rows;
  private final Path directory;
  private final NanoClock clock;
  private final InstantSource wall;
  private final Executor executor;
  private long lastFailureNanos;
  private boolean failed;

  /**
   * Dumps a ring.
   *
   * @param executor writes; its tasks may wait for a disk
   */
  public EventDump(
      EventRing ring, Path directory, NanoClock clock, InstantSource wall, Executor executor) {
    this.ring = ring;
    this.rows = new EventRows(clock, wall);
    this.directory = directory;
    this.clock = clock;
    this.wall = wall;
    this.executor = executor;
  }

  /** Something has gone wrong: what led to it is kept. Returns at once. */
  public void failure() {
    synchronized (this) {
      long now = clock.nanoTime();
      if (failed && now - lastFailureNanos < TimeUnit.SECONDS.toNanos(FAILURE_SECONDS)) {
        return;
      }
      failed = true;
      lastFailureNanos = now;
    }
    asked("failure");
  }

  /**
   * Somebody wants them. Returns at once.
   *
   * @param why a word for the name of the file
   */
  public void asked(String why) {
    List<Entry> entries = ring.recent(EventRing.EVENTS_KEPT);
    executor.execute(() -> {
      try {
        LOG.info("the last {} events are in {}", entries.size(), write(entries, why));
      } catch (IOException | RuntimeException e) {
        // A warning: an error would ask for the next dump.
        LOG.warn("the last events could not be written to {}: {}", directory, e.toString());
      }
    });
  }

  private Path write(List<Entry> entries, String why) throws IOException {
    // First, so that a full disk has room again; what somebody asked for takes no failure's place.
    removeOld(why);
    Path file = directory.resolve("events-" + NAME.format(wall.instant()) + "-" + why + ".jsonl");
    Files.createFile(
        file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    boolean whole = false;
    try {
      write(entries, file);
      whole = true;
      return file;
    } finally {
      if (!whole) {
        Files.deleteIfExists(file);
      }
    }
  }

  private void write(List<Entry> entries, Path file) throws IOException {
    try (BufferedWriter out = Files.newBufferedWriter(file, StandardOpenOption.WRITE);
        SequenceWriter lines = JSON.writer().withRootValueSeparator("\n").writeValues(out)) {
      for (Entry entry : entries) {
        lines.write(rows.row(entry));
      }
    }
  }

  /** Leaves room for one more. */
  private void removeOld(String why) throws IOException {
    Pattern ofReason = Pattern.compile("events-[^-]+-" + Pattern.quote(why) + "\\.jsonl");
    List<Path> dumps;
    try (Stream<Path> files = Files.list(directory)) {
      dumps =
          files
              .filter(file -> ofReason.matcher(file.getFileName().toString()).matches())
              .sorted()
              .toList();
    }
    for (Path old : dumps.subList(0, Math.max(0, dumps.size() - FILES_KEPT + 1))) {
      Files.deleteIfExists(old);
    }
  }
}
