package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.server.ops.DelegationPeer.Given;
import io.selkie.server.ops.FileCalls.Opened;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: whoever returns a delegation does not wait for the close of the file, although nobody else
 * has it open; nor who returns layouts for a look at the directory that he names their export by.
 * Method: such calls of the kernel into one export hang.
 */
@Timeout(120)
class HangingReturnTest extends IsolationFixture {

  @Test
  void lastDelegationIsReturnedWhileTheCloseHangs() throws Exception {
    start(500, "true", "close");
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

  @Test
  void layoutsOfAnExportAreReturnedWhileNothingInItCanBeLookedAt() throws Exception {
    start(ServerFixture.longRecallMillis(), "false", "openat2", "openByHandle", "statx");
    FileCalls client = server.client("holder");
    Files.createDirectory(server.of("slow").resolve("d"));
    byte[] directory = client.handleOf("slow", "d");
    Opened file = client.create(client.handleOf("slow"), "f");
    client.write(file.handle(), file.stateid(), 0, Nfs4Const.UNSTABLE4, new byte[8192]);
    layout(client, file);
    hang();
    assertThat(server.server().metrics().values()).containsEntry("selkie_seals", 1L);
    for (int scope : new int[] {LayoutConst4.LAYOUTRETURN4_FSID, LayoutConst4.LAYOUTRETURN4_ALL}) {
      assertThat(layoutReturn(client, directory, scope)).isEqualTo("NFS4_OK");
    }
    assertThat(server.server().metrics().values()).containsEntry("selkie_seals", 0L);
  }

  private static String layoutReturn(FileCalls client, byte[] directory, int scope) {
    return client
        .on(
            directory,
            NfsOp4.OP_LAYOUTRETURN,
            o -> {
              o.bool(false);
              o.int32(LayoutConst4.LAYOUT4_RDMA);
              o.int32(LayoutConst4.LAYOUTIOMODE4_ANY);
              o.int32(scope);
            })
        .status();
  }
}
