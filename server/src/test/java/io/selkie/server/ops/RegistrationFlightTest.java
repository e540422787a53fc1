package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.server.ops.FileCalls.Opened;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: memory that a real server registers is in a flight recording, with whose it is. */
@Timeout(300)
class RegistrationFlightTest {

  @Test
  void registrationOfALayoutIsRecorded(@TempDir Path dir) throws Exception {
    Path file = dir.resolve("recorded.jfr");
    String client;
    try (Recording recording = new Recording();
        TwoExports server = new TwoExports(new LinuxKernel(), 500, "one")) {
      recording.enable("selkie.Registration").withoutThreshold();
      Files.write(server.of("one").resolve("f"), new byte[8192]);
      FileCalls alice = server.client("alice");
      Opened opened = alice.open(alice.handleOf("one"), "f", BOTH, DENY_NONE);
      recording.start();
      HeldLayout.get(alice, opened.handle(), opened.stateid(), LayoutConst4.LAYOUTIOMODE4_RW);
      recording.stop();
      recording.dump(file);
      client =
          HexFormat.of()
              .toHexDigits(server.server().arbiter().holdings().keySet().iterator().next());
    }
    List<RecordedEvent> events = RecordingFile.readAllEvents(file);
    assertThat(events).hasSize(1);
    RecordedEvent event = events.getFirst();
    assertThat(event.getEventType().getName()).isEqualTo("selkie.Registration");
    assertThat(event.getString("client")).as("as ctl shows it").isEqualTo(client);
    assertThat(event.getString("file")).contains("one").contains("f");
    assertThat(event.getLong("bytes")).isGreaterThanOrEqualTo(8192);
    assertThat(event.getDuration().isNegative()).isFalse();
  }
}
