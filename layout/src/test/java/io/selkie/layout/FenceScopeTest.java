package io.selkie.layout;

import static io.selkie.layout.Rig.MB;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_ANY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BAD_STATEID;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a client that goes loses all it has, has asked for or waits for, of whatever file, and
 * files that it has nothing of are not bothered.
 */
@Timeout(120)
class FenceScopeTest {

  private static final int OTHERS = 50;

  private final Rig rig = new Rig();
  private final FakeSealer.File file = rig.file().data(0, MB);

  private void gone(long client) {
    assertThat(rig.arbiter.clientGone(client, RecallCause.CLIENT_DESTROYED)).isCompleted();
  }

  /** Each file that is dealt with takes one. */
  private long nextRecallId() {
    FakeSealer.File probe = rig.file().data(0, MB);
    rig.get(probe).client(77).granted();
    rig.breakLease(probe);
    return rig.events.stream()
        .filter(event -> event.step() == Step.BREAK_SEEN)
        .mapToLong(LayoutEvents.Event::recallId)
        .max()
        .orElseThrow();
  }

  @Test
  void onlyTheClientsOwnFilesAreDealtWith() {
    for (int i = 0; i < OTHERS; i++) {
      rig.get(rig.file().data(0, MB)).client(2).granted();
    }
    rig.get(file).granted();
    rig.wish(rig.file().data(0, MB)).granted();
    long before = nextRecallId();

    gone(1);

    assertThat(nextRecallId() - before).as("a layout, a delegation, and this one").isEqualTo(3);
    rig.work();
    assertThat(rig.isSealed(file)).isFalse();
    assertThat(rig.arbiter.layoutCount())
        .as("the others', and what tells the id")
        .isEqualTo(OTHERS + 2);
  }

  @Test
  void grantInTheMakingIsGrantedToNobody() {
    rig.sealer.meanwhile = () -> gone(1);
    assertThat(rig.get(file).refused()).isEqualTo(NFS4ERR_BAD_STATEID);
    rig.work();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void grantInTheMakingIsGrantedToNobodyWhenTheLeaseIsOver() {
    rig.sealer.meanwhile = () -> assertThat(rig.arbiter.leaseOver(1)).isCompleted();
    assertThat(rig.get(file).refused()).isEqualTo(NFS4ERR_BAD_STATEID);
    rig.work();
    rig.assertNothingIsLeft(file);
    rig.get(file).granted();
  }

  @Test
  void grantInTheMakingIsFoundByAnAdministratorsRecall() {
    rig.sealer.meanwhile =
        () ->
            rig.arbiter.recall(
                new RecallFilter(OptionalLong.of(1), Optional.empty(), OptionalLong.empty()),
                RecallCause.ADMINISTRATIVE);
    assertThat(rig.get(file).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    rig.work();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void grantThatWaitsItsTurnIsAnsweredAtOnce() {
    ChangePermit.Granted change = rig.permitted(file, FileChange.SHRINK, 0, MB, 2);
    CompletableFuture<LayoutGetResult> waits = rig.get(file).send();
    assertThat(waits).isNotDone();

    gone(1);

    assertThat(waits).isCompleted();
    assertThat(waits.join())
        .isInstanceOfSatisfying(
            LayoutGetResult.Refused.class,
            refused -> assertThat(refused.status()).isEqualTo(NFS4ERR_BAD_STATEID));
    change.close();
    rig.work();
    rig.assertNothingIsLeft(file);
    assertThat(rig.arbiter.fileCount()).isZero();
  }

  @Test
  void whatWasKeptFreeForItIsFreeForOthers() {
    Stateid4 held = rig.get(file).client(2).granted().stateid();
    rig.delayed(file, FileChange.SHRINK, 0, MB, 1);
    rig.giveBack(file, 2, held);
    assertThat(rig.get(file).client(2).refused())
        .as("kept free for the first client's retry")
        .isEqualTo(NFS4ERR_LAYOUTTRYLATER);

    gone(1);

    rig.get(file).client(2).granted();
  }

  @Test
  void stateidOfWhichOnlyARecallIsLeftEnds() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.breakLease(file);
    // Half and half: nothing is held any more, but nobody said that the recall was answered.
    rig.giveBack(file, 1, stateid, 0, MB / 2, LAYOUTIOMODE4_ANY);
    rig.giveBack(file, 1, stateid, MB / 2, MB, LAYOUTIOMODE4_ANY);
    rig.work();
    assertThat(rig.arbiter.holdsLayouts(1)).as("until the recall is over").isTrue();

    gone(1);

    assertThat(rig.arbiter.holdsLayouts(1)).isFalse();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void delegationInTheMakingIsGivenToNobody() {
    int why =
        rig.wish(file)
            .write()
            .undisturbed(() -> {
              gone(1);
              return true;
            })
            .refused();
    assertThat(why).isEqualTo(OpenConst4.WND4_CONTENTION);
    rig.work();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void requestThatComesAfterItsClientGetsNothing() {
    gone(1);
    assertThat(rig.wish(file).refused()).isEqualTo(OpenConst4.WND4_RESOURCE);
    assertThat(rig.get(file).refused()).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.sealer.calls).as("nothing is tried").isEmpty();
    rig.assertNothingIsLeft(file);
  }
}
