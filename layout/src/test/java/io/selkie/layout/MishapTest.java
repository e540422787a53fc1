package io.selkie.layout;

import static io.selkie.layout.Rig.MB;
import static io.selkie.layout.Rig.SECOND;
import static io.selkie.layout.Rig.WHOLE;
import static io.selkie.layout.Rig.done;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_ANY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADLAYOUT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BAD_STATEID;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.layout.LayoutEvents.Step;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What comes at the wrong moment, or fails where nothing may fail. */
class MishapTest {

  private final Rig rig = new Rig();
  private final FakeSealer.File file = rig.file().data(0, MB).data(2 * MB, MB);

  @Test
  void anErrorInAGrantDoesNotWedgeTheFile() {
    Stateid4 stateid = rig.get(file).range(0, MB).granted().stateid();
    rig.sealer.meanwhile =
        () -> {
          throw new OutOfMemoryError("on purpose");
        };

    assertThatThrownBy(() -> rig.get(file).client(2).send()).isInstanceOf(OutOfMemoryError.class);

    Stateid4 other = rig.get(file).client(2).granted().stateid();
    rig.giveBack(file, 1, stateid);
    rig.giveBack(file, 2, other);
    rig.assertNothingIsLeft(file);
  }

  @Test
  void whatAGrantRegisteredBeforeItFailedIsToldAsRegistered() {
    rig.rdma.failAfter = 1;

    assertThat(rig.get(file).refused()).isEqualTo(NFS4ERR_LAYOUTUNAVAILABLE);

    rig.work();
    assertThat(bytes(Step.REGISTERED)).isEqualTo(MB);
    assertThat(bytes(Step.HANDLE_INVALIDATED)).isEqualTo(MB);
  }

  private long bytes(Step step) {
    return rig.events.stream()
        .filter(event -> event.step() == step)
        .mapToLong(LayoutEvents.Event::bytes)
        .sum();
  }

  @Test
  void nothingIsGrantedAfterTheLastClose() {
    rig.sealer.meanwhile = () -> rig.arbiter.lastClose(1, file.identity());

    assertThat(rig.get(file).refused()).isEqualTo(NFS4ERR_BAD_STATEID);

    rig.work();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void whatWaitsForItsTurnIsDroppedByTheLastClose() {
    var permit = rig.permitted(file, FileChange.SHRINK, 0, MB, 2);
    var waiting = rig.get(file).send();

    rig.arbiter.lastClose(1, file.identity());

    assertThat(done(waiting)).isInstanceOf(LayoutArbiter.LayoutGetResult.Refused.class);
    permit.close();
    rig.work();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void aSealIsReleasedWhileGrantsAreStuck() {
    FakeSealer.File other = rig.file().data(0, MB);
    rig.get(file).granted();
    var permit = rig.permitted(other, FileChange.SHRINK, 0, MB, 2);
    rig.get(other).send();
    permit.close();
    assertThat(rig.handedOn).as("a grant that nobody works on").hasSize(1);

    rig.breakLease(file);
    rig.time.advance(45 * SECOND);

    assertThat(rig.handedOn).hasSize(1);
    while (!rig.releases.isEmpty()) {
      rig.releases.removeFirst().run();
    }
    assertThat(rig.isSealed(file)).isFalse();
  }

  @Test
  void truncationWaitsForAFlushOfWhatWasReturnedAndEndsIt() {
    FakeSealer.File big = rig.file().data(0, 256 * MB);
    Stateid4 stateid = rig.get(big).rw().min(256 * MB).granted().stateid();
    rig.sealer.meanwhile =
        () -> {
          rig.giveBack(big, 1, stateid);
          rig.delayed(big, FileChange.SHRINK, 128 * MB, 128 * MB, 2);
        };

    assertThat(rig.commit(big, 1, stateid, 0, 256 * MB).status()).isEqualTo(NFS4ERR_BADLAYOUT);

    assertThat(big.flushed).hasSize(1);
    rig.permitted(big, FileChange.SHRINK, 128 * MB, 128 * MB, 2).close();
    rig.assertNothingIsLeft(big);
  }

  @Test
  void growthDoesNotWaitForAFlush() {
    FakeSealer.File big = rig.file().data(0, 128 * MB);
    Stateid4 stateid = rig.get(big).rw().min(128 * MB).granted().stateid();
    rig.sealer.meanwhile =
        () -> rig.permitted(big, FileChange.SHRINK, 128 * MB, 128 * MB, 2).close();

    assertThat(rig.commit(big, 1, stateid, 0, 128 * MB).status()).isZero();
  }

  @Test
  void writesToSharedBlocksOfADaxFileRecallWhoeverReadsThem() {
    FakeSealer.File dax = rig.file().data(0, MB).shared(MB, MB);
    dax.exact = true;
    Stateid4 stateid = rig.get(dax).granted().stateid();

    rig.delayed(dax, FileChange.WRITE, MB, MB, 2);
    assertThat(rig.sent).hasSize(1);
    rig.giveBack(dax, 1, stateid);
    rig.permitted(dax, FileChange.WRITE, MB, MB, 2).close();
  }

  @Test
  void writesToSharedBlocksWaitForAHandleThatWasGivenBackUnasked() {
    FakeSealer.File dax = rig.file().data(0, MB).shared(MB, MB);
    dax.exact = true;
    Stateid4 stateid = rig.get(dax).granted().stateid();
    rig.rdma.slowPeers = true;
    rig.giveBack(dax, 1, stateid, 0, WHOLE, LAYOUTIOMODE4_ANY);
    rig.work();

    rig.delayed(dax, FileChange.WRITE, MB, MB, 2);
    assertThat(rig.sent).as("it is on its way already").isEmpty();
    List.copyOf(rig.rdma.invalidating()).forEach(region -> region.dead.complete(null));
    rig.work();
    rig.permitted(dax, FileChange.WRITE, MB, MB, 2).close();
  }

  @Test
  void writesToOnesOwnSharedBlocksRecallToo() {
    FakeSealer.File dax = rig.file().shared(0, MB);
    dax.exact = true;
    rig.get(dax).granted();

    rig.delayed(dax, FileChange.WRITE, 0, MB, 1);
    assertThat(rig.sent).hasSize(1);
  }

  @Test
  void behindAPageCacheSharedBlocksMayBeWritten() {
    FakeSealer.File cached = rig.file().shared(0, MB);
    rig.get(cached).granted();

    rig.permitted(cached, FileChange.WRITE, 0, MB, 2).close();
    assertThat(rig.sent).isEmpty();
  }

  @Test
  void sharedBlocksThatAreWrittenWhileTheyAreGrantedAreNotRegistered() {
    FakeSealer.File dax = rig.file().shared(0, MB);
    dax.exact = true;
    rig.sealer.meanwhile = () -> rig.permitted(dax, FileChange.WRITE, 0, MB, 2).close();

    assertThat(rig.get(dax).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);

    rig.work();
    assertThat(rig.rdma.regions).isEmpty();
    rig.assertNothingIsLeft(dax);
  }

  @Test
  void aHandleWhoseInvalidationFailedIsDeadWhenItsPeerWasCutOff() {
    Stateid4 stateid = rig.get(file).range(0, MB).granted().stateid();
    rig.rdma.invalidationFails = true;
    rig.rdma.abortHelps = true;

    var returned = rig.giveBack(file, 1, stateid, 0, MB, LAYOUTIOMODE4_ANY);

    rig.work();
    assertThat(returned).isCompleted();
    assertThat(rig.steps()).doesNotContain(Step.INVALIDATION_FAILED);
    rig.assertNothingIsLeft(file);
  }

  @Test
  void aHandleThatCannotBeInvalidatedKeepsItsSealAndRaisesAnAlarm() {
    Stateid4 stateid = rig.get(file).range(0, MB).granted().stateid();
    rig.rdma.invalidationFails = true;

    assertThat(rig.giveBack(file, 1, stateid, 0, MB, LAYOUTIOMODE4_ANY)).isNotDone();

    rig.work();
    assertThat(rig.steps()).contains(Step.INVALIDATION_FAILED);
    assertThat(rig.steps()).doesNotContain(Step.HANDLE_INVALIDATED, Step.SEAL_RELEASED);
    assertThat(rig.isSealed(file)).isTrue();
  }

  @Test
  void aClientThatIsGoneGetsNoHolesEither() {
    FakeSealer.File holes = rig.file().size(MB);
    rig.arbiter.clientGone(1, RecallCause.CLIENT_EXPIRED);

    assertThat(rig.get(holes).refused()).isEqualTo(NFS4ERR_BAD_STATEID);

    rig.work();
    rig.assertNothingIsLeft(holes);
  }
}
