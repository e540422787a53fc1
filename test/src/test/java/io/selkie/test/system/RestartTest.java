package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.SelkieClient;
import io.selkie.test.support.ServerProcess;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a server that is stopped or killed and started again is the same one for its clients: opens
 * are reclaimed, and nothing that was written is lost. Method: processes, and the client library.
 */
@Tag("slow")
@Timeout(600)
class RestartTest {

  private static final int BYTES = 1 << 20;

  private ServerUnderTest tested;
  private ServerProcess server;

  @BeforeEach
  void start() throws Exception {
    tested = ServerUnderTest.start("");
    server = tested.server();
  }

  @AfterEach
  void stop() throws Exception {
    server.close();
    tested.close();
  }

  private static byte[] random(int seed) {
    byte[] bytes = new byte[BYTES];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  private SelkieClient connect() throws Exception {
    return SelkieClient.connect("127.0.0.1", server.nfs().getPort(), ClientOptions.defaults());
  }

  private DirectFile open(SelkieClient client, String name, DirectMode mode) throws Exception {
    return client.open(
        "/" + server.exportName() + "/" + name,
        mode,
        StandardOpenOption.READ,
        StandardOpenOption.WRITE,
        StandardOpenOption.CREATE);
  }

  private void restart(boolean kill) throws Exception {
    if (kill) {
      server.kill();
    } else {
      server.terminate();
    }
    server = ServerUnderTest.serverOf(server.export(), "").inPlaceOf(server).start();
  }

  @Test
  void killedServerComesBackAndNothingIsLost() throws Exception {
    clientsGoOnOver(true);
  }

  @Test
  void stoppedServerComesBackAndNothingIsLost() throws Exception {
    clientsGoOnOver(false);
  }

  private void clientsGoOnOver(boolean kill) throws Exception {
    byte[] throughNfs = random(1);
    byte[] direct = random(2);
    try (SelkieClient one = connect();
        SelkieClient two = connect();
        DirectFile nfsFile = open(one, "nfs", DirectMode.NEVER);
        DirectFile directFile = open(two, "direct", DirectMode.PREFER)) {
      directFile.setSize(BYTES);
      nfsFile.write(MemorySegment.ofArray(throughNfs), 0);
      directFile.write(MemorySegment.ofArray(direct), 0);
      restart(kill);
      // Neither was synced: the one is sent again as the verifier changed, the other is committed.
      nfsFile.sync();
      directFile.sync();
      Path export = server.export();
      assertThat(Arrays.equals(Files.readAllBytes(export.resolve("nfs")), throughNfs)).isTrue();
      assertThat(Arrays.equals(Files.readAllBytes(export.resolve("direct")), direct)).isTrue();
      // Both have reclaimed, so new files can be made at once, and layouts are granted again.
      try (DirectFile fresh = open(one, "fresh", DirectMode.PREFER)) {
        fresh.write(MemorySegment.ofArray(direct), 0);
        fresh.sync();
      }
      byte[] got = new byte[BYTES];
      assertThat(directFile.read(MemorySegment.ofArray(got), 0)).isEqualTo(BYTES);
      assertThat(Arrays.equals(got, direct)).isTrue();
      assertThat(one.counters().get(Counter.STATE_LOSSES)).isEqualTo(1);
      assertThat(two.counters().get(Counter.STATE_LOSSES)).isEqualTo(1);
      server.awaitLog("grace period of at most 90 s for 2 clients");
      server.awaitLog("grace period ends, every client has reclaimed");
    }
  }
}
