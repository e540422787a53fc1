package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.READ;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.server.ops.DelegationPeer.Given;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Delegations of before a restart: claimed with the opens, leased again, and taken back. */
@Timeout(120)
class DelegationReclaimTest {

  private RestartingServer server;
  private Path file;

  @BeforeEach
  void start() throws IOException {
    server = new RestartingServer("leaseSeconds: 90", "contentionMillis: 0");
    file = Files.writeString(server.export().resolve("file"), "some content");
  }

  @AfterEach
  void close() throws IOException {
    server.close();
  }

  private Given before(int access) throws IOException {
    FileCalls calls = server.client("one");
    DelegationPeer peer = new DelegationPeer(calls);
    Given held = peer.open(calls.handleOf("data"), "file", access);
    assertThat(held.stateid()).isNotNull();
    return held;
  }

  private DelegationPeer back() throws IOException {
    return new DelegationPeer(server.reclaiming("one", 1));
  }

  /** OPEN by CLAIM_PREVIOUS with a delegation. */
  static Given reclaim(DelegationPeer peer, Given held, int access, int type) {
    return peer.open(
        held.handle(),
        access,
        o -> o.int32(OpenConst4.OPEN4_NOCREATE),
        o -> {
          o.int32(OpenConst4.CLAIM_PREVIOUS);
          o.int32(type);
        });
  }

  private static void complete(DelegationPeer peer) {
    assertThat(peer.calls.call(c -> c.reclaimComplete(), NfsOp4.OP_RECLAIM_COMPLETE).status())
        .isEqualTo("NFS4_OK");
  }

  @Test
  void delegationIsReclaimedWithItsOpenAndWorks() throws Exception {
    Given held = before(BOTH);
    server.crash();
    DelegationPeer peer = back();

    Given again = reclaim(peer, held, BOTH, OpenConst4.OPEN_DELEGATE_WRITE);

    assertThat(again.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
    assertThat(again.recalled()).isFalse();
    assertThat(again.stateid()).isNotEqualTo(held.stateid());
    Given kept =
        peer.open(held.handle(), READ, o -> o.int32(0), DelegationPeer.claimUnder(again.stateid()));
    assertThat(kept.status()).as("in grace too").isEqualTo("NFS4_OK");
    assertThat(
            peer.calls
                .write(held.handle(), again.stateid(), 0, Nfs4Const.FILE_SYNC4, new byte[] {'S'})
                .status())
        .isEqualTo("NFS4_OK");
    complete(peer);
    peer.onRecall(recall -> {
      peer.calls.close(held.handle(), again.open());
      peer.giveBack(recall.handle(), recall.stateid());
    });
    Process reader =
        new ProcessBuilder("cat", file.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    assertThat(reader.waitFor(40, TimeUnit.SECONDS)).isTrue();
    assertThat(new String(reader.getInputStream().readAllBytes(), UTF_8)).isEqualTo("Some content");
  }

  @Test
  void whatIsBrokenByNowIsGivenBackToBeReturned() throws Exception {
    Given held = before(READ);
    server.crash();
    try (var _ = Files.newOutputStream(file, java.nio.file.StandardOpenOption.APPEND)) {
      DelegationPeer peer = back();

      Given again = reclaim(peer, held, READ, OpenConst4.OPEN_DELEGATE_READ);

      assertThat(again.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_READ);
      assertThat(again.recalled()).isTrue();
      assertThat(peer.nextRecall().stateid()).isEqualTo(again.stateid());
      assertThat(peer.giveBack(held.handle(), again.stateid())).isEqualTo("NFS4_OK");
      assertThat(server.server().arbiter().delegations().delegationCount()).isZero();
    }
  }

  @Test
  void nothingIsReclaimedAfterwards() throws Exception {
    Given held = before(READ);
    server.crash();
    DelegationPeer peer = back();
    complete(peer);
    assertThat(reclaim(peer, held, READ, OpenConst4.OPEN_DELEGATE_READ).status())
        .isEqualTo("NFS4ERR_NO_GRACE");
  }
}
