package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.server.ops.DelegationPeer.Given;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: whoever returns a delegation does not wait for the close of the file, although nobody else
 * has it open. Method: the kernel's close of descriptions in one export hangs.
 */
@Timeout(120)
class HangingReturnTest extends IsolationFixture {

  @BeforeEach
  void start() throws IOException {
    start(500, "true", "close");
  }

  @Test
  void lastDelegationIsReturnedWhileTheCloseHangs() throws Exception {
    Files.write(server.of("slow").resolve("held"), new byte[16]);
    FileCalls client = server.client("holder");
    DelegationPeer peer = new DelegationPeer(client);
    Given given = peer.open(client.handleOf("slow"), "held", BOTH);
    assertThat(given.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
    assertThat(client.close(given.handle(), given.open())).isEqualTo("NFS4_OK");
    hang();
    assertThat(peer.giveBack(given.handle(), given.stateid())).isEqualTo("NFS4_OK");
    disk.awaitStuck(1);
  }
}
