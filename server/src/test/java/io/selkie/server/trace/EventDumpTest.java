package io.selkie.server.trace;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.layout.LayoutEvents;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.layout.RecallCause;
import io.selkie.lease.FileIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: what led to a failure is on the disk, and the disk does not fill up with it. */
@Timeout(600)
class EventDumpTest {

  private static final FileIdentity FILE = new FileIdentity((8L << 32) | 1, 42, 0);

  @TempDir Path dir;

  private final EventRing ring = new EventRing(16);
  private long nanos = 1;
  private Instant now = Instant.parse("2030-01-02T03:04:05Z");

  private EventDump dump() {
    return new EventDump(ring, dir, () -> nanos, () -> now, Runnable::run);
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(dir)) {
      return files.sorted().toList();
    }
  }

  @Test
  void dumpHasOneLineOfJsonForEachEvent() throws IOException {
    nanos = 5_000_000_000L;
    ring.add(
        new LayoutEvents.Event(
            3_000_000_000L,
            Step.RECALL_SENT,
            17,
            FILE,
            "/db",
            0x6a0bL,
            RecallCause.TRUNCATE,
            4096,
            "seqid 2"));
    ring.add(new ServerEvent(4_000_000_000L, "SLOW_OPERATION", 5, 2_000_000, "READ NFS4_OK"));
    dump().asked("signal");
    assertThat(files()).hasSize(1);
    assertThat(files().getFirst().getFileName())
        .hasToString("events-20300102T030405.000Z-signal.jsonl");
    List<String> lines = Files.readAllLines(files().getFirst());
    assertThat(lines).hasSize(2);
    JsonNode recall = new ObjectMapper().readTree(lines.getFirst());
    assertThat(recall.path("event").asText()).isEqualTo("recall_sent");
    assertThat(recall.path("at").asText()).isEqualTo("2030-01-02T03:04:03Z");
    assertThat(recall.path("recall").asLong()).isEqualTo(17);
    assertThat(recall.path("client").asText()).isEqualTo("0000000000006a0b");
    assertThat(recall.path("file").asText()).isEqualTo("8:1:42");
    assertThat(recall.path("cause").asText()).isEqualTo("truncate");
    JsonNode slow = new ObjectMapper().readTree(lines.getLast());
    assertThat(slow.path("micros").asLong()).isEqualTo(2000);
    assertThat(slow.path("recall").isNull()).isTrue();
  }

  @Test
  void failuresInQuickSuccessionAreDumpedOnce() throws IOException {
    EventDump dump = dump();
    dump.failure();
    nanos += TimeUnit.SECONDS.toNanos(EventDump.FAILURE_SECONDS) - 1;
    now = now.plusSeconds(59);
    dump.failure();
    assertThat(files()).hasSize(1);
    nanos += 1;
    dump.failure();
    assertThat(files()).hasSize(2);
  }

  @Test
  void onlyTheLastDumpsAreKeptAndNothingElseIsTouched() throws IOException {
    Path other = Files.createFile(dir.resolve("clients.mv.db"));
    EventDump dump = dump();
    for (int i = 0; i < EventDump.FILES_KEPT + 3; i++) {
      now = now.plusSeconds(1);
      dump.asked("signal");
    }
    assertThat(files()).hasSize(EventDump.FILES_KEPT + 1).contains(other);
    assertThat(files().get(1).getFileName().toString()).contains("030409");
  }

  @Test
  void dumpsThatWereAskedForTakeNoFailuresPlace() throws IOException {
    EventDump dump = dump();
    dump.failure();
    for (int i = 0; i < EventDump.FILES_KEPT + 3; i++) {
      now = now.plusSeconds(1);
      dump.asked("signal");
    }
    assertThat(files()).hasSize(EventDump.FILES_KEPT + 1);
    assertThat(files().getFirst().getFileName().toString()).endsWith("-failure.jsonl");
  }

  @Test
  void dumpThatFailsHalfWayLeavesNothing() throws IOException {
    ring.add(new ServerEvent(1, "SLOW_OPERATION", 5, 2_000_000, "READ NFS4_OK"));
    // No step: it cannot be written.
    ring.add(new LayoutEvents.Event(2, null, 17, FILE, "/db", 1, RecallCause.TRUNCATE, 1, ""));
    dump().asked("signal");
    assertThat(files()).isEmpty();
  }

  @Test
  void dumpThatCannotBeWrittenHarmsNobody() {
    EventDump dump =
        new EventDump(ring, dir.resolve("none"), () -> nanos, () -> now, Runnable::run);
    dump.asked("signal");
    assertThat(dir).isEmptyDirectory();
  }
}
