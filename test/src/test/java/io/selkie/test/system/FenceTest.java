package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.config.time.NanoClock;
import io.selkie.test.support.OtherProcess;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.OneSided;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: who does not answer a recall, or cannot be asked, is fenced at the deadline: the other
 * process waits that long and not longer, and from then on no byte of the client's lands (S3, S4).
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FenceTest {

  private static final int RECALL_MILLIS = 600;
  private static final int FILE_BYTES = 65536;

  private ServerUnderTest tested;
  private ServerProcess server;
  private Path file;
  private String name;
  private int number;

  @BeforeAll
  void start() throws Exception {
    tested =
        ServerUnderTest.start(
            """
            layout:
              recallTimeoutMillis: %d
              fenceBudgetMillis: 500
            """
                .formatted(RECALL_MILLIS));
    server = tested.server();
  }

  @BeforeEach
  void makeFile() throws Exception {
    name = "contended-" + ++number;
    file = Files.write(server.export().resolve(name), new byte[FILE_BYTES]);
  }

  @AfterEach
  void serverIsSound() throws Exception {
    tested.assertSound();
  }

  @AfterAll
  void stop() throws Exception {
    tested.close();
  }

  @ParameterizedTest(name = "back channel: {0}")
  @ValueSource(booleans = {false, true})
  void clientThatDoesNotReturnItsLayoutIsFencedAtTheDeadline(boolean backChannel) throws Exception {
    try (RawNfs nfs =
        backChannel
            ? RawNfs.connectWithBackChannel(server.nfs(), "deaf")
            : RawNfs.connect(server.nfs(), "unreachable")) {
      RawNfs.OpenFile opened = nfs.open(server.exportName(), name);
      RawNfs.Layout layout = nfs.layoutGet(opened, opened.stateid(), Op.IOMODE_RW, 0, FILE_BYTES);
      assertThat(layout.status()).isZero();
      RawNfs.Extent extent = layout.extents().getFirst();
      try (OneSided access = new OneSided(server.rdma(), nfs.sessionId(), extent)) {
        access.write(0, new byte[] {1, 2, 3});
        OtherProcess.Outcome truncated = truncate(1000).outcome().get(40, TimeUnit.SECONDS);

        assertThat(truncated.succeeded()).as(truncated.output()).isTrue();
        assertThat(millis(truncated))
            .as("milliseconds that the other process took")
            .isBetween((long) RECALL_MILLIS - 20, 35_000L);
        assertThat(file).hasSize(1000);
        byte[] evil = new byte[500];
        Arrays.fill(evil, (byte) 'x');
        assertThatThrownBy(() -> access.write(0, evil)).isInstanceOf(IOException.class);
      }
      // Nor over another queue pair: the handle is dead, not just a connection.
      assertThatThrownBy(
              () -> {
                try (OneSided again = new OneSided(server.rdma(), nfs.sessionId(), extent)) {
                  again.read(0, 16);
                }
              })
          .isInstanceOf(IOException.class);
      assertThat(Files.readAllBytes(file)).startsWith(1, 2, 3, 0, 0).doesNotContain('x');
    }
  }

  private OtherProcess.Running truncate(long size) throws IOException {
    return OtherProcess.truncate(NanoClock.system(), file, size);
  }

  private static long millis(OtherProcess.Outcome outcome) {
    return TimeUnit.NANOSECONDS.toMillis(outcome.endedNanos() - outcome.startedNanos());
  }
}
