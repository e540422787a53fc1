package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.DelegationPeer.Given;
import io.selkie.server.testing.CompoundReply;
import java.nio.file.Files;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Delegations that are not given back in time. */
@Timeout(120)
class DelegationDeadlineTest extends DelegationFixture {

  @Override
  int recallMillis() {
    return ServerFixture.SHORT_RECALL_MILLIS;
  }

  @Test
  void whoDoesNotReturnItIsRevokedAndLearnsOfIt() {
    Given held = writer();
    one.calls.connection().ignoreCallbacks();

    Given open = insist(() -> two.open(root, "file", BOTH));

    assertThat(open.status()).isEqualTo("NFS4_OK");
    assertThat(
            one.calls
                .write(held.handle(), held.stateid(), 0, Nfs4Const.FILE_SYNC4, new byte[1])
                .status())
        .isEqualTo("NFS4ERR_DELEG_REVOKED");
    assertThat(statusFlags() & SessionConst4.SEQ4_STATUS_RECALLABLE_STATE_REVOKED).isNotZero();
    assertThat(testStateid(held.stateid())).isEqualTo("NFS4ERR_DELEG_REVOKED");
    assertThat(free(held.stateid())).isEqualTo("NFS4_OK");
    assertThat(statusFlags() & SessionConst4.SEQ4_STATUS_RECALLABLE_STATE_REVOKED).isZero();
    assertThat(one.giveBack(held.handle(), held.stateid())).isEqualTo("NFS4ERR_BAD_STATEID");
  }

  private int statusFlags() {
    CompoundReply reply = one.calls.connection().call(one.calls.session().next(0, false));
    assertThat(reply.next(NfsOp4.OP_SEQUENCE)).isEqualTo("NFS4_OK");
    reply.in().skip(16 + 4 * 4);
    return reply.in().int32();
  }

  private String testStateid(Stateid4 stateid) {
    CompoundReply reply =
        one.calls
            .connection()
            .call(
                one.calls
                    .session()
                    .next(0, false)
                    .op(
                        NfsOp4.OP_TEST_STATEID,
                        o -> {
                          o.int32(1);
                          Stateids.encode(o, stateid);
                        }));
    reply.sequenceOk();
    assertThat(reply.next(NfsOp4.OP_TEST_STATEID)).isEqualTo("NFS4_OK");
    reply.in().int32();
    return NfsStat4.name(reply.in().int32());
  }

  private String free(Stateid4 stateid) {
    CompoundReply reply =
        one.calls
            .connection()
            .call(
                one.calls
                    .session()
                    .next(0, false)
                    .op(NfsOp4.OP_FREE_STATEID, o -> Stateids.encode(o, stateid)));
    reply.sequenceOk();
    return reply.next(NfsOp4.OP_FREE_STATEID);
  }

  @Test
  void localProcessWaitsNoLongerThanTheDeadlineForOneWhoNeverAnswers() throws Exception {
    reader();
    one.calls.connection().ignoreCallbacks();

    Process writer =
        new ProcessBuilder("sh", "-c", "echo local >> file")
            .directory(fixture.export().toFile())
            .inheritIO()
            .start();

    // The recall's half a second, and no more than that of the kernel's forty-five.
    assertThat(writer.waitFor(40, TimeUnit.SECONDS)).isTrue();
    assertThat(delegations()).isZero();
    assertThat(Files.readString(file)).endsWith("local\n");
  }

  @Test
  void layoutWithoutAnOpenGoesWithItsRevokedDelegation() {
    Given held = writer();
    assertThat(one.calls.close(held.handle(), held.open())).isEqualTo("NFS4_OK");
    FileCalls.Answer layout =
        one.calls.layoutGet(held.handle(), held.stateid(), LayoutConst4.LAYOUTIOMODE4_RW);
    assertThat(layout.status()).as("it stands for an open").isEqualTo("NFS4_OK");
    layout.in().bool();
    Stateid4 layoutStateid = Stateids.decode(layout.in());
    assertThat(fixture.server().arbiter().layoutCount()).isEqualTo(1);
    one.calls.connection().ignoreCallbacks();

    // Once all is over it could get one of its own, and there would be a delegation again.
    Given open =
        insist(() -> two.open(root, "file", BOTH | OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG));

    assertThat(open.status()).isEqualTo("NFS4_OK");
    assertThat(delegations()).isZero();
    insist(fixture.server().arbiter()::layoutCount, count -> count != 0);
    assertThat(testStateid(layoutStateid)).as("by force").isEqualTo("NFS4ERR_DELEG_REVOKED");
  }
}
