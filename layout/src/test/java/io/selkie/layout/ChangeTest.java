package io.selkie.layout;

import static io.selkie.layout.Rig.KB4;
import static io.selkie.layout.Rig.MB;
import static io.selkie.layout.Rig.SECOND;
import static io.selkie.layout.Rig.extents;
import static io.selkie.protocol.layout.rdma.RdmaExtentState4.PNFS_RDMA_READ_DATA;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_ANY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.layout.LayoutArbiter.LayoutGetResult.Granted;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** What changes through the server recall, whom they wait for, and that nobody starves. */
class ChangeTest {

  private final Rig rig = new Rig();
  private final FakeSealer.File file = rig.file().data(0, MB).data(2 * MB, MB);

  @Test
  void anyNumberOfClientsMayReadAndWriteTheSameBytes() {
    rig.get(file).range(0, MB).rw().granted();
    rig.get(file).range(0, MB).rw().client(2).granted();
    rig.get(file).range(0, MB).client(3).granted();
    rig.permitted(file, FileChange.WRITE, 0, MB, 4).close();
    assertThat(rig.sent).isEmpty();
  }

  @Test
  void truncationRecallsOnlyHandlesInWhatIsFreed() {
    Stateid4 low = rig.get(file).range(0, MB).granted().stateid();
    Stateid4 high = rig.get(file).client(2).range(2 * MB, MB).granted().stateid();

    rig.delayed(file, FileChange.SHRINK, 2 * MB, 100 * MB, 3);

    assertThat(rig.sent).hasSize(1);
    assertThat(rig.sent.getFirst().recall().clientId()).isEqualTo(2);
    assertThat(rig.sent.getFirst().recall().changed()).isTrue();
    rig.delayed(file, FileChange.SHRINK, 2 * MB, 100 * MB, 3);
    assertThat(rig.sent).as("once").hasSize(1);
    rig.giveBack(file, 2, high);
    rig.permitted(file, FileChange.SHRINK, 2 * MB, 100 * MB, 3).close();
    assertThat(rig.isSealed(file)).isTrue();
    rig.giveBack(file, 1, low);
  }

  @Test
  void growingRecallsNothing() {
    rig.get(file).granted();
    rig.permitted(file, FileChange.SHRINK, 3 * MB, 100 * MB, 3).close();
    rig.permitted(file, FileChange.WRITE, 3 * MB, MB, 3).close();
    assertThat(rig.sent).isEmpty();
  }

  @Test
  void truncationRecallsTheCallersOwnLayoutsToo() {
    rig.get(file).granted();
    rig.delayed(file, FileChange.SHRINK, 0, MB, 1);
    assertThat(rig.sent).hasSize(1);
  }

  @Test
  void holeMayNotBeWrittenWhileSomebodyElseHoldsItAsAHole() {
    Stateid4 stateid = rig.get(file).granted().stateid();

    rig.delayed(file, FileChange.WRITE, MB, KB4, 2);
    assertThat(rig.sent.getFirst().recall().offset()).isEqualTo(MB);
    assertThat(rig.sent.getFirst().recall().length()).isEqualTo(MB);
    Rig.done(rig.giveBack(file, 1, stateid, MB, MB, LAYOUTIOMODE4_ANY));
    rig.permitted(file, FileChange.WRITE, MB, KB4, 2).close();
    assertThat(rig.rdma.live()).as("the data was not asked for").hasSize(2);
  }

  @Test
  void clientMayWriteIntoItsOwnHole() {
    rig.get(file).granted();
    rig.permitted(file, FileChange.WRITE, MB, KB4, 1).close();
  }

  @Test
  void writeLayoutOverAnothersHolesRecallsThemFirst() {
    Stateid4 reader = rig.get(file).granted().stateid();

    assertThat(rig.get(file).client(2).rw().refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    assertThat(rig.sent).hasSize(1);
    assertThat(rig.get(file).client(3).range(MB, MB).refused())
        .as("nobody brings the hole back before the writer came again")
        .isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    rig.giveBack(file, 1, reader);
    assertThat(rig.get(file).client(3).range(MB, MB).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    rig.get(file).client(2).rw().granted();
    assertThat(extents(rig.get(file).client(3).granted()))
        .allMatch(extent -> extent.state() == PNFS_RDMA_READ_DATA);
  }

  @Test
  void reservationExpires() {
    Stateid4 reader = rig.get(file).granted().stateid();
    rig.delayed(file, FileChange.SHRINK, 0, MB, 2);
    rig.giveBack(file, 1, reader);
    assertThat(rig.get(file).client(3).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);

    rig.time.advance(Rig.POLICY.reservationNanos() - 1);
    assertThat(rig.get(file).client(3).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    rig.time.advance(1);

    rig.get(file).client(3).granted();
    rig.time.advance(10 * SECOND);
    assertThat(rig.time.timers()).isZero();
  }

  @Test
  void permitBlocksOverlappingGrantsWhileItIsOpen() {
    var permit = rig.permitted(file, FileChange.SHRINK, 2 * MB, MB, 1);

    rig.get(file).client(3).range(0, MB).granted();
    CompletableFuture<LayoutGetResult> waiting = rig.get(file).client(2).send();
    assertThat(waiting).isNotDone();
    permit.close();
    permit.close();
    rig.work();
    assertThat(Rig.done(waiting)).isInstanceOf(Granted.class);
  }

  @Test
  void changeThatMeetsAGrantInTheMakingStopsIt() {
    rig.sealer.meanwhile = () -> rig.delayed(file, FileChange.SHRINK, 0, MB, 2);

    assertThat(rig.get(file).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);

    rig.work();
    assertThat(rig.rdma.live()).isEmpty();
    rig.permitted(file, FileChange.SHRINK, 0, MB, 2).close();
  }

  @Test
  void holeWrittenWhileItIsBeingGrantedIsLookedAtAgain() {
    rig.sealer.meanwhile =
        () -> {
          var permit = rig.permitted(file, FileChange.WRITE, MB, MB, 2);
          file.data(MB, MB);
          permit.close();
        };

    CompletableFuture<LayoutGetResult> answer = rig.get(file).send();
    rig.work();

    assertThat(extents((Granted) Rig.done(answer)))
        .allMatch(extent -> extent.state() == PNFS_RDMA_READ_DATA);
    assertThat(rig.rdma.live()).hasSize(1);
  }

  @Test
  void grantWithHolesWaitsForTheWriteItMet() {
    var permit = rig.permitted(file, FileChange.WRITE, MB, MB, 2);
    CompletableFuture<LayoutGetResult> answer = rig.get(file).send();
    rig.work();
    assertThat(answer).isNotDone();

    file.data(MB, MB);
    permit.close();
    rig.work();

    assertThat(extents((Granted) Rig.done(answer)))
        .allMatch(extent -> extent.state() == PNFS_RDMA_READ_DATA);
  }

  @Test
  void accessChangeFencesHoldersBeforeItIsCommitted() {
    rig.get(file).granted();
    rig.delayed(file, FileChange.ACCESS_CHANGE, 0, 0, 1);
    assertThat(rig.sent).hasSize(1);
    rig.time.advance(10 * SECOND);
    assertThat(rig.rdma.live()).isEmpty();
    var permit = rig.permitted(file, FileChange.ACCESS_CHANGE, 0, 0, 1);
    rig.work();
    permit.close();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void conflictingOpenRecallsOthersOnly() {
    Stateid4 own = rig.get(file).granted().stateid();
    rig.get(file).client(2).granted();

    rig.delayed(file, FileChange.CONFLICTING_OPEN, 0, 0, 1);

    assertThat(rig.sent)
        .singleElement()
        .satisfies(s -> assertThat(s.recall().clientId()).isEqualTo(2));
    rig.get(file).by(own).granted();
    assertThat(rig.get(file).client(3).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
  }

  @Test
  void reopenTakesTheSeal() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.delayed(file, FileChange.REOPEN, 0, 0, 1);
    rig.giveBack(file, 1, stateid);

    assertThat(rig.isSealed(file)).isFalse();
    assertThat(rig.get(file).client(2).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    var permit = rig.permitted(file, FileChange.REOPEN, 0, 0, 1);
    assertThat(rig.get(file).client(2).send()).isNotDone();
    permit.close();
    rig.work();
    assertThat(rig.arbiter.layoutCount()).isOne();
  }

  @Test
  void remappingRecallsEverybodyInItsRangeAndKeepsNewLayoutsAwayUntilItIsDone() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.delayed(file, FileChange.REMAP, 0, MB, 1);
    rig.giveBack(file, 1, stateid);

    var permit = rig.permitted(file, FileChange.REMAP, 0, MB, 1);
    assertThat(rig.get(file).client(2).send()).isNotDone();
    permit.close();
    rig.work();
    assertThat(rig.arbiter.layoutCount()).isOne();
  }

  @Test
  void permitsOnFilesWithoutLayoutsLeaveNothingBehind() {
    for (FileChange change : FileChange.values()) {
      rig.permitted(file, change, 0, MB, 1).close();
    }
    assertThat(rig.events).isEmpty();
    rig.assertNothingIsLeft(file);
  }
}
