package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.NotifyReceiver;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: the service manager is told what it must know to leave a server its time. */
@Timeout(600)
class ServiceManagerTest {

  private static final long PID = ProcessHandle.current().pid();

  @Test
  void stopAsksForTheTimeThatItMayTake() throws Exception {
    String address = "@selkie-service-manager-" + PID;
    try (NotifyReceiver receiver = new NotifyReceiver(address)) {
      ServiceManager.of(Map.of("NOTIFY_SOCKET", address), PID).stopping(Duration.ofSeconds(410));
      assertThat(receiver.receive().orElseThrow().text().lines())
          .contains("STOPPING=1", "EXTEND_TIMEOUT_USEC=410000000");
    }
  }
}
