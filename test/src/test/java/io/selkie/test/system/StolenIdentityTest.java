package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawIwarp;
import io.selkie.test.wire.RawNfs;
import io.selkie.test.wire.RawRpc;
import io.selkie.test.wire.XdrBytes;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * Goal: nothing of one client's is of use to another: not its stateids, not its handles, not a
 * session that is not there, not its name to another user.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StolenIdentityTest {

  private static final int NFS4ERR_CLID_INUSE = 10017;
  private static final int NFS4ERR_BAD_STATEID = 10025;
  private static final int NFS4ERR_BADSESSION = 10052;
  private static final int FILE_BYTES = 16384;

  private ServerUnderTest tested;
  private String victimsName;
  private int number;
  private RawNfs victim;
  private RawNfs.OpenFile victimsFile;
  private RawNfs.Layout victimsLayout;
  private RawNfs thief;
  private final byte[] content = new byte[FILE_BYTES];

  @BeforeAll
  void start() throws Exception {
    tested = ServerUnderTest.start("");
    Arrays.fill(content, (byte) 'v');
  }

  @BeforeEach
  void connect() throws Exception {
    victimsName = "victim " + ++number;
    Files.write(tested.server().export().resolve(victimsName), content);
    victim = RawNfs.connect(tested.server().nfs(), victimsName);
    victimsFile = victim.open(tested.server().exportName(), victimsName);
    victimsLayout =
        victim.layoutGet(victimsFile, victimsFile.stateid(), Op.IOMODE_RW, 0, FILE_BYTES);
    assertThat(victimsLayout.status()).isZero();
    thief = RawNfs.connect(tested.server().nfs(), "thief of " + victimsName);
  }

  @AfterEach
  void disconnect() throws Exception {
    tested.assertSound();
    victim.close();
    thief.close();
  }

  @AfterAll
  void stop() throws Exception {
    tested.close();
  }

  @Test
  void stateidsOfAnotherClientAreUnknown() throws Exception {
    byte[] handle = victimsFile.handle().bytes();
    byte[] open = victimsFile.stateid().bytes();
    byte[] layout = victimsLayout.stateid().bytes();
    assertThat(thief.compound(Op.putFh(handle), Op.read(open, 0, 10)).status())
        .isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(thief.compound(Op.putFh(handle), Op.write(open, 0, new byte[10])).status())
        .isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(thief.compound(Op.putFh(handle), Op.close(open)).status())
        .isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(thief.compound(Op.putFh(handle), Op.layoutReturn(layout, 3, 0, -1)).status())
        .isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(thief.layoutGet(victimsFile, victimsLayout.stateid(), 1, 0, 4096).status())
        .isEqualTo(NFS4ERR_BAD_STATEID);
    victimIsUnharmed();
  }

  @Test
  void handleOfAnotherClientIsTerminated() throws Exception {
    RawNfs.Extent extent = victimsLayout.extents().getFirst();
    try (RawIwarp queuePair = RawIwarp.connect(tested.server().rdma(), thief.sessionId())) {
      queuePair.sendBytes(RawIwarp.readRequest(1, 9, 0, 64, extent.key(), extent.storageOffset()));
      assertThat(queuePair.terminateOrClosed()).contains(0x0103);
    }
    try (RawIwarp queuePair = RawIwarp.connect(tested.server().rdma(), thief.sessionId())) {
      queuePair.sendBytes(
          RawIwarp.fpdu(RawIwarp.tagged(0, extent.key(), extent.storageOffset(), new byte[64])));
      assertThat(queuePair.terminateOrClosed()).contains(0x1102);
    }
    victimIsUnharmed();
  }

  @Test
  void sessionThatDoesNotExistIsRefusedEverywhere() throws Exception {
    byte[] guessed = victim.sessionId();
    guessed[15] ^= 1;
    try (RawRpc rpc = RawRpc.connect(tested.server().nfs())) {
      rpc.send(
          rpc.callHeader(1)
              .string("")
              .u32(1)
              .u32(1)
              .u32(Op.SEQUENCE)
              .fixed(guessed)
              .u32(1)
              .u32(0)
              .u32(0)
              .u32(0)
              .bytes());
      assertThat(rpc.receive().getInt(24)).isEqualTo(NFS4ERR_BADSESSION);
    }
    try (RawIwarp queuePair = RawIwarp.connect(tested.server().rdma())) {
      queuePair.sendBytes(RawIwarp.request(RawIwarp.privateData(guessed)));
      Optional<RawIwarp.MpaReply> reply = queuePair.replyOrClosed();
      assertThat(reply).as("a refusal, not silence").isPresent();
      assertThat(reply.get().rejected()).isTrue();
    }
    victimIsUnharmed();
  }

  @Test
  void nameOfAnotherUsersClientIsInUse() throws Exception {
    try (RawRpc rpc = RawRpc.connect(tested.server().nfs())) {
      rpc.callAs(4711);
      XdrBytes exchange =
          new XdrBytes()
              .string("")
              .u32(1)
              .u32(1)
              .u32(Op.EXCHANGE_ID)
              .u64(0x4242)
              .string(victimsName)
              .u32(0)
              .u32(0)
              .u32(0);
      rpc.send(rpc.callHeader(1).append(exchange).bytes());
      assertThat(rpc.receive().getInt(24)).isEqualTo(NFS4ERR_CLID_INUSE);
    }
    victimIsUnharmed();
  }

  private void victimIsUnharmed() throws IOException {
    RawNfs.Reply reply =
        victim
            .compound(
                Op.putFh(victimsFile.handle().bytes()),
                Op.read(victimsFile.stateid().bytes(), 0, FILE_BYTES))
            .expectOk();
    reply.result(Op.PUTFH);
    reply.result(Op.READ);
    reply.body().getInt();
    assertThat(reply.opaque()).isEqualTo(content);
    RawNfs.Extent extent = victimsLayout.extents().getFirst();
    try (RawIwarp queuePair = RawIwarp.connect(tested.server().rdma(), victim.sessionId())) {
      queuePair.sendBytes(RawIwarp.readRequest(1, 9, 0, 64, extent.key(), extent.storageOffset()));
      var segment = queuePair.receive().orElseThrow();
      assertThat(RawIwarp.opcode(segment)).isEqualTo(RawIwarp.OPCODE_READ_RESPONSE);
      assertThat(segment.get(14)).isEqualTo((byte) 'v');
    }
  }
}
