package io.selkie.layout;

import static io.selkie.layout.Rig.MB;
import static io.selkie.layout.Rig.SECOND;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BAD_STATEID;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELEG_REVOKED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LOCKS_HELD;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_OLD_STATEID;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_RECALLCONFLICT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_RETURNCONFLICT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** Layout stateids: RFC 8881 sections 12.5.3 and 12.5.5.2. */
class StateidTest {

  private static final Hold.Key KEY = new Hold.Key(1, 1, ByteBuffer.allocate(0));

  private final Rig rig = new Rig();
  private final FakeSealer.File file = rig.file().data(0, MB);

  @Test
  void otherStaysAndSeqidGrowsByOneWithEachOperation() {
    Stateid4 first = rig.get(file).granted().stateid();
    Stateid4 second = rig.get(file).by(first).granted().stateid();
    Stateid4 third = Rig.done(rig.giveBack(file, 1, second, 0, 4096, 3)).stateid().orElseThrow();

    assertThat(first.seqid()).isEqualTo(1);
    assertThat(second).isEqualTo(first.withSeqid(2));
    assertThat(third).isEqualTo(first.withSeqid(3));
    rig.breakLease(file);
    assertThat(rig.sent.getFirst().recall().stateid()).isEqualTo(first.withSeqid(4));
  }

  @Test
  void stateidIsOverWithTheLastByte() {
    Stateid4 stateid = rig.get(file).granted().stateid();

    assertThat(rig.giveBack(file, 1, stateid).stateid()).isEmpty();

    assertThat(rig.giveBack(file, 1, stateid).status()).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.get(file).by(stateid).refused()).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.arbiter.testStateid(1, stateid)).isEqualTo(NFS4ERR_BAD_STATEID);
    Stateid4 next = rig.get(file).granted().stateid();
    assertThat(next.seqid()).isOne();
    assertThat(next.sameOther(stateid)).isFalse();
  }

  @Test
  void zeroAndFutureSeqidsAreBadAndThoseOutOfRangeAreOld() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    for (int i = 0; i < 20; i++) {
      stateid = rig.get(file).by(stateid).granted().stateid();
    }
    assertThat(stateid.seqid()).isEqualTo(21);

    assertThat(rig.get(file).by(stateid.withSeqid(0)).refused()).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.get(file).by(stateid.withSeqid(22)).refused()).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.get(file).by(stateid.withSeqid(4)).refused()).isEqualTo(NFS4ERR_OLD_STATEID);
    assertThat(rig.giveBack(file, 1, stateid.withSeqid(0)).status()).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.giveBack(file, 1, stateid.withSeqid(4)).status()).isEqualTo(NFS4ERR_OLD_STATEID);
    assertThat(rig.arbiter.testStateid(1, stateid.withSeqid(4))).isEqualTo(NFS4ERR_OLD_STATEID);
    assertThat(rig.arbiter.testStateid(1, stateid.withSeqid(5))).isEqualTo(NFS4_OK);
    rig.get(file).by(stateid.withSeqid(5)).granted();
  }

  @Test
  void clientHoldsLayoutsUntilItReturnedThem() {
    assertThat(rig.arbiter.holdsLayouts(1)).isFalse();
    Stateid4 stateid = rig.get(file).granted().stateid();
    assertThat(rig.arbiter.holdsLayouts(1)).isTrue();
    assertThat(rig.arbiter.holdsLayouts(2)).isFalse();
    assertThat(rig.giveBack(file, 1, stateid).status()).isEqualTo(NFS4_OK);
    assertThat(rig.arbiter.holdsLayouts(1)).isFalse();
  }

  @Test
  void holdRemembersTheLatestGrantOfEachSlot() {
    Hold hold = new Hold(new FileIdentity(1, 1, 1), KEY, true, new Stateid4(1, 1, 1));
    SessionId4 session = new SessionId4(7, 8);
    for (int slot = 0; slot < 20; slot++) {
      hold.grantedTo(new CallReference(session, slot, 1));
      hold.grantedTo(new CallReference(session, slot, 2));
    }
    assertThat(hold.grantedBy())
        .hasSize(16)
        .contains(new CallReference(session, 19, 2))
        .doesNotContain(new CallReference(session, 19, 1));
  }

  @Test
  void seqidWrapsToOne() {
    Hold hold = new Hold(new FileIdentity(1, 1, 1), KEY, true, new Stateid4(-1, 1, 1));

    assertThat(hold.advance().seqid()).isOne();
    assertThat(hold.checkSeqid(-1, 16)).isEqualTo(NFS4_OK);
    assertThat(hold.checkSeqid(2, 16)).isEqualTo(NFS4ERR_BAD_STATEID);
  }

  @Test
  void stateidsOfOtherClientsFilesAndBootsAreBad() {
    var other = rig.file().data(0, MB);
    Stateid4 stateid = rig.get(file).granted().stateid();

    assertThat(rig.get(file).client(2).by(stateid).refused()).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.giveBack(file, 2, stateid).status()).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.get(other).by(stateid).refused()).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.arbiter.testStateid(2, stateid)).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.arbiter.freeStateid(2, stateid)).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.arbiter.isLayoutStateid(stateid)).isTrue();
    assertThat(rig.arbiter.isLayoutStateid(Rig.OPEN)).isFalse();
    Stateid4 otherBoot = new Stateid4(1, stateid.otherHigh() ^ (1L << 40), stateid.otherLow());
    assertThat(rig.arbiter.isLayoutStateid(otherBoot)).isFalse();
    assertThat(rig.arbiter.freeStateid(1, stateid)).isEqualTo(NFS4ERR_LOCKS_HELD);
  }

  @Test
  void clientThatForgotItsLayoutsGoesOnWithTheSameStateid() {
    Stateid4 first = rig.get(file).granted().stateid();

    Stateid4 again = rig.get(file).granted().stateid();

    assertThat(again).isEqualTo(first.withSeqid(2));
    assertThat(rig.rdma.live()).as("each LAYOUTGET has its own handles").hasSize(2);
  }

  @Test
  void layoutGetDuringARecallIsToldApartByWhatTheClientHasProcessed() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.breakLease(file);
    Stateid4 recalled = rig.sent.getFirst().recall().stateid();

    assertThat(rig.get(file).by(stateid).refused()).isEqualTo(NFS4ERR_RECALLCONFLICT);
    assertThat(rig.get(file).by(recalled).refused()).isEqualTo(NFS4ERR_RECALLCONFLICT);
    rig.sent.getFirst().answer(NFS4_OK);
    assertThat(rig.get(file).by(stateid).refused()).isEqualTo(NFS4ERR_RECALLCONFLICT);
    assertThat(rig.get(file).by(recalled).refused()).isEqualTo(NFS4ERR_RETURNCONFLICT);
  }

  @Test
  void revokedStateidIsRememberedUntilItIsFreed() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.breakLease(file);
    assertThat(rig.arbiter.hasRevokedState(1)).isFalse();
    rig.time.advance(10 * SECOND);
    rig.work();

    assertThat(rig.arbiter.hasRevokedState(1)).isTrue();
    assertThat(rig.arbiter.testStateid(1, stateid)).isEqualTo(NFS4ERR_DELEG_REVOKED);
    assertThat(rig.giveBack(file, 1, stateid).status()).isEqualTo(NFS4ERR_DELEG_REVOKED);
    assertThat(rig.get(file).by(stateid).refused()).isEqualTo(NFS4ERR_DELEG_REVOKED);
    assertThat(rig.commit(file, 1, stateid, 0, MB).status()).isEqualTo(NFS4ERR_DELEG_REVOKED);
    assertThat(rig.arbiter.freeStateid(1, stateid)).isEqualTo(NFS4_OK);
    assertThat(rig.arbiter.hasRevokedState(1)).isFalse();
    assertThat(rig.arbiter.testStateid(1, stateid)).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.arbiter.freeStateid(1, stateid)).isEqualTo(NFS4ERR_BAD_STATEID);
  }

  @Test
  void revokedStateidsAreBoundedAndTheOldestGo() {
    Stateid4[] stateids = new Stateid4[Rig.POLICY.revokedMax() + 1];
    for (int i = 0; i < stateids.length; i++) {
      stateids[i] = rig.get(file).client(10 + i).granted().stateid();
    }
    rig.breakLease(file);
    rig.time.advance(10 * SECOND);
    rig.work();

    assertThat(rig.arbiter.hasRevokedState(10)).isFalse();
    assertThat(rig.arbiter.hasRevokedState(11)).isTrue();
    assertThat(rig.arbiter.testStateid(10, stateids[0])).isEqualTo(NFS4ERR_BAD_STATEID);
    rig.assertNothingIsLeft(file);
  }
}
