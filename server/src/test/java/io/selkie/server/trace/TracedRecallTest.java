package io.selkie.server.trace;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.selkie.layout.LayoutEvents;
import io.selkie.layout.LayoutEvents.Event;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.layout.RecallCause;
import io.selkie.lease.FileIdentity;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** Goal: a recall can be followed by its number, in the log and in a flight recording. */
@Timeout(600)
class TracedRecallTest {

  private static final FileIdentity FILE = new FileIdentity(1, 2, 3);
  private static final long RECALL = 8_150_717;

  private static Event event(long atNanos, Step step) {
    return new Event(
        atNanos, step, RECALL, FILE, "/traced", 7, RecallCause.KERNEL_LEASE_BREAK, 4096, "");
  }

  private static final List<Event> FENCED =
      List.of(
          event(1_000, Step.BREAK_SEEN),
          event(2_000, Step.RECALL_SENT),
          event(5_000, Step.FENCE_BEGUN),
          event(6_000, Step.HANDLE_INVALIDATED),
          event(9_000, Step.SEAL_RELEASED));

  private static final class Lines extends AppenderBase<ILoggingEvent> {
    private final BlockingQueue<ILoggingEvent> taken = new LinkedBlockingQueue<>();

    @Override
    protected void append(ILoggingEvent event) {
      event.prepareForDeferredProcessing();
      if (event.getFormattedMessage().contains("/traced")) {
        taken.add(event);
      }
    }
  }

  private static List<ILoggingEvent> logged(Level level, int count) throws Exception {
    Logger logger = (Logger) LoggerFactory.getLogger(RecallLog.NAME);
    Level before = logger.getLevel();
    Lines lines = new Lines();
    lines.start();
    logger.setLevel(level);
    logger.addAppender(lines);
    try (RecallLog log = new RecallLog()) {
      FENCED.forEach(log::on);
      List<ILoggingEvent> found = new ArrayList<>();
      while (found.size() < count) {
        ILoggingEvent line = lines.taken.poll(300, TimeUnit.SECONDS);
        assertThat(line).as("after %s", found).isNotNull();
        found.add(line);
      }
      return found;
    } finally {
      logger.detachAppender(lines);
      logger.setLevel(before);
    }
  }

  @Test
  void eachLineOfARecallCarriesItsNumber() throws Exception {
    List<ILoggingEvent> lines = logged(Level.DEBUG, FENCED.size());
    assertThat(lines)
        .allSatisfy(line ->
            assertThat(line.getMDCPropertyMap())
                .containsEntry(LayoutEvents.RECALL_CONTEXT, Long.toString(RECALL)));
    assertThat(lines.getFirst().getFormattedMessage()).contains("break seen");
  }

  @Test
  void fenceIsAWarningAndTheEndOfARecallIsInformation() throws Exception {
    List<ILoggingEvent> lines = logged(Level.INFO, 2);
    assertThat(lines).extracting(ILoggingEvent::getLevel).containsExactly(Level.WARN, Level.INFO);
    assertThat(lines.getFirst().getFormattedMessage()).contains("is fenced", "0000000000000007");
  }

  @Test
  void flightRecorderHasRecallFenceAndSlowOperation(@TempDir Path dir) throws Exception {
    Path file = dir.resolve("recorded.jfr");
    try (Recording recording = new Recording()) {
      recording.enable("selkie.Recall");
      recording.enable("selkie.Fence");
      recording.enable("selkie.SlowOperation");
      recording.start();
      FlightEvents flights = new FlightEvents();
      FENCED.forEach(flights::on);
      new SlowOperations(new EventRing(4)).ended(25, 0, 7, 10, 5_000_000);
      recording.stop();
      recording.dump(file);
    }
    List<RecordedEvent> events = RecordingFile.readAllEvents(file);
    assertThat(only(events, "selkie.Recall").getLong("recallId")).isEqualTo(RECALL);
    assertThat(only(events, "selkie.Recall").getDuration("taken").toNanos()).isEqualTo(8_000);
    assertThat(only(events, "selkie.Fence").getDuration("taken").toNanos()).isEqualTo(1_000);
    assertThat(only(events, "selkie.SlowOperation").getString("operation")).isEqualTo("OP_READ");
  }

  private static RecordedEvent only(List<RecordedEvent> events, String name) {
    List<RecordedEvent> found =
        events.stream().filter(event -> event.getEventType().getName().equals(name)).toList();
    assertThat(found).as(name).hasSize(1);
    return found.getFirst();
  }
}
