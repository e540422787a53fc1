package io.selkie.layout;

import static io.selkie.layout.Rig.KB4;
import static io.selkie.layout.Rig.MB;
import static io.selkie.layout.Rig.SECOND;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADHANDLE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BAD_STATEID;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELAY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELEG_REVOKED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_EXPIRED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LOCKS_HELD;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_OPENMODE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.layout.DelegationArbiter.DelegationResult.Granted;
import io.selkie.layout.DelegationArbiter.HolderView;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.Sealer.Refusal;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;

/** Who gets delegations, who takes them back, and how they share the seal with layouts. */
class DelegationTest {

  private static final long RECALL = Rig.POLICY.recallTimeoutNanos();

  private final Rig rig = new Rig();
  private final FakeSealer.File file = rig.file().data(0, MB);
  private final DelegationArbiter door = rig.arbiter.delegations();

  // ------------------------------------------------------------------ giving

  @Test
  void delegationIsASealWithoutHandlesAndGoesWithItsReturn() {
    Granted granted = rig.wish(file).granted();

    assertThat(rig.sealer.calls).containsExactly("hold /file1");
    assertThat(rig.isSealed(file)).isTrue();
    assertThat(door.heldBy(1, file.identity())).contains(DelegationType.READ);
    assertThat(rig.giveBackDelegation(1, granted.stateid(), file)).isEqualTo(NFS4_OK);
    rig.assertNothingIsLeft(file);
    assertThat(rig.steps())
        .containsExactly(Step.SEALED, Step.DELEGATED, Step.DELEGATION_RETURNED, Step.SEAL_RELEASED);
  }

  @Test
  void manyMayReadAndOnlyOneMayWrite() {
    rig.wish(file).granted();
    rig.wish(file).client(2).granted();
    assertThat(rig.wish(file).client(3).write().refused()).isEqualTo(OpenConst4.WND4_CONTENTION);

    FakeSealer.File other = rig.file().data(0, MB);
    rig.wish(other).write().granted();
    assertThat(rig.wish(other).client(2).refused()).isEqualTo(OpenConst4.WND4_CONTENTION);
  }

  @Test
  void oneIsEnoughForAClient() {
    rig.wish(file).granted();
    assertThat(rig.wish(file).refused()).isEqualTo(OpenConst4.WND4_RESOURCE);
    assertThat(rig.wish(file).write().refused()).isEqualTo(OpenConst4.WND4_NOT_SUPP_UPGRADE);
    FakeSealer.File other = rig.file().data(0, MB);
    rig.wish(other).write().granted();
    assertThat(rig.wish(other).refused()).isEqualTo(OpenConst4.WND4_NOT_SUPP_DOWNGRADE);
  }

  @Test
  void whoCannotBeCalledGetsNone() {
    rig.unreachable.add(1L);
    assertThat(rig.wish(file).refused()).isEqualTo(OpenConst4.WND4_RESOURCE);
    assertThat(rig.sealer.calls).as("not even tried").isEmpty();
  }

  @Test
  void leaseThatIsNotToBeHadRefusesAndLeavesNothing() {
    rig.sealer.refusal = new Refusal(Reason.IN_USE, "somebody has it open");
    assertThat(rig.wish(file).refused()).isEqualTo(OpenConst4.WND4_CONTENTION);
    rig.assertNothingIsLeft(file);
  }

  @Test
  void opensAreAskedForWhenTheLeaseIsHeld() {
    assertThat(
            rig.wish(file)
                .undisturbed(() -> {
                  assertThat(rig.isSealed(file)).isTrue();
                  return false;
                })
                .refused())
        .isEqualTo(OpenConst4.WND4_CONTENTION);
    rig.assertNothingIsLeft(file);
  }

  @Test
  void whoComesWhileOneIsBeingGivenWins() {
    int why =
        rig.wish(file)
            .undisturbed(() -> {
              rig.delayed(file, FileChange.OPEN_WRITE, 0, MB, 2);
              return true;
            })
            .refused();
    assertThat(why).isEqualTo(OpenConst4.WND4_CONTENTION);
    rig.permitted(file, FileChange.OPEN_WRITE, 0, MB, 2).close();
  }

  @Test
  void whoIsAtSomethingKeepsDelegationsAway() {
    try (var _ = rig.permitted(file, FileChange.OPEN_READ, 0, MB, 2)) {
      assertThat(rig.wish(file).write().refused()).isEqualTo(OpenConst4.WND4_CONTENTION);
      rig.wish(file).granted();
    }
  }

  @Test
  void nobodyGetsOneWhileTheDescriptionIsOpenedAnew() {
    try (var _ = rig.permitted(file, FileChange.REOPEN, 0, MB, 1)) {
      assertThat(rig.wish(file).refused()).isEqualTo(OpenConst4.WND4_CONTENTION);
      assertThat(rig.isSealed(file)).isFalse();
    }
    rig.wish(file).granted();
  }

  @Test
  void breakThatComesWhileOneIsBeingGivenRefusesIt() {
    int why =
        rig.wish(file)
            .undisturbed(() -> {
              rig.breakLease(file);
              return true;
            })
            .refused();
    assertThat(why).isEqualTo(OpenConst4.WND4_CONTENTION);
    rig.work();
    assertThat(rig.isSealed(file)).isFalse();
    assertThat(rig.recalls).as("nobody had it").isEmpty();
  }

  @Test
  void sharedLeaseIsNotEnoughToWrite() {
    file.writable = false;
    rig.wish(file).granted();
    assertThat(rig.wish(file).client(2).write().refused()).isEqualTo(OpenConst4.WND4_RESOURCE);
  }

  @Test
  void limitsHoldForOneClientAndForAll() {
    for (int i = 0; i < 50; i++) {
      rig.wish(rig.file().data(0, KB4)).granted();
    }
    assertThat(rig.wish(file).refused()).isEqualTo(OpenConst4.WND4_RESOURCE);
    for (int i = 0; i < 50; i++) {
      rig.wish(rig.file().data(0, KB4)).client(2).granted();
    }
    assertThat(door.delegationCount()).isEqualTo(100);
    assertThat(rig.wish(file).client(3).refused()).isEqualTo(OpenConst4.WND4_RESOURCE);
  }

  // ------------------------------------------------------------------ conflicts

  @Test
  void readersDisturbWritersOnly() {
    rig.wish(file).granted();
    rig.permitted(file, FileChange.OPEN_READ, 0, MB, 2).close();
    rig.permitted(file, FileChange.READ, 0, MB, 2).close();
    assertThat(rig.recalls).isEmpty();

    FakeSealer.File other = rig.file().data(0, MB);
    rig.wish(other).write().granted();
    rig.delayed(other, FileChange.READ, 0, MB, 2);
    assertThat(rig.recalls).hasSize(1);
  }

  @Test
  void everyChangeOfAnotherClientTakesTheDelegationBack() {
    for (FileChange change : FileChange.values()) {
      if (change.isRead()) {
        continue;
      }
      FakeSealer.File one = rig.file().data(0, MB);
      Stateid4 stateid = rig.wish(one).granted().stateid();
      rig.recalls.clear();
      rig.delayed(one, change, 0, MB, 2);
      assertThat(rig.recalls).as(change.name()).hasSize(1);
      assertThat(rig.recalls.getFirst().recall().truncate())
          .as(change.name())
          .isEqualTo(change == FileChange.SHRINK);
      assertThat(rig.recalls.getFirst().recall().stateid()).isEqualTo(stateid);
      rig.delayed(one, change, 0, MB, 2);
      assertThat(rig.recalls).as("once").hasSize(1);
      assertThat(rig.giveBackDelegation(1, stateid, one)).isEqualTo(NFS4_OK);
      rig.permitted(one, change, 0, MB, 2).close();
    }
  }

  @Test
  void onlyTruncationToNothingSparesTheHolderItsDirtyData() {
    record Case(FileChange change, long offset, long length, boolean truncate) {}
    for (Case c :
        List.of(
            new Case(FileChange.SHRINK, 0, Long.MAX_VALUE, true),
            new Case(FileChange.SHRINK, KB4, Long.MAX_VALUE - KB4, false),
            new Case(FileChange.PUNCH, 0, KB4, false),
            new Case(FileChange.PUNCH, 0, Long.MAX_VALUE, false))) {
      FakeSealer.File one = rig.file().data(0, MB);
      rig.wish(one).write().granted();
      rig.delayed(one, c.change(), c.offset(), c.length(), 2);
      assertThat(rig.recalls.getLast().recall().truncate())
          .as(c.toString())
          .isEqualTo(c.truncate());
    }
  }

  @Test
  void sourceOfAReflinkIsReadOnlyAsFarAsDelegationsGo() {
    rig.wish(file).granted();
    rig.permitted(file, FileChange.SHARE, 0, MB, 2).close();
    assertThat(rig.recalls).isEmpty();

    FakeSealer.File other = rig.file().data(0, MB);
    rig.wish(other).write().granted();
    rig.delayed(other, FileChange.SHARE, 0, MB, 2);
    assertThat(rig.recalls).hasSize(1);
  }

  @Test
  void anErrorInAWishDoesNotWedgeTheFile() {
    assertThatThrownBy(() ->
            rig.wish(file)
                .undisturbed(() -> {
                  throw new OutOfMemoryError("on purpose");
                })
                .refused())
        .isInstanceOf(OutOfMemoryError.class);
    rig.work();
    rig.assertNothingIsLeft(file);
    rig.wish(file).granted();
  }

  @Test
  void holderItselfMayDoAsItLikes() {
    rig.wish(file).write().granted();
    for (FileChange change : FileChange.values()) {
      if (change != FileChange.REOPEN) {
        rig.permitted(file, change, 0, MB, 1).close();
      }
    }
    assertThat(rig.recalls).isEmpty();
  }

  @Test
  void descriptionIsOpenedAnewOnlyWhenTheHoldersOwnIsBackToo() {
    Stateid4 stateid = rig.wish(file).granted().stateid();
    rig.delayed(file, FileChange.REOPEN, 0, MB, 1);
    assertThat(rig.recalls).hasSize(1);
    rig.giveBackDelegation(1, stateid, file);
    rig.permitted(file, FileChange.REOPEN, 0, MB, 1).close();
    rig.wish(file).write().granted();
  }

  @Test
  void fileThatWasFoughtForStaysWithoutForAWhile() {
    Stateid4 stateid = rig.wish(file).write().granted().stateid();
    rig.delayed(file, FileChange.OPEN_READ, 0, MB, 2);
    rig.giveBackDelegation(1, stateid, file);
    rig.permitted(file, FileChange.OPEN_READ, 0, MB, 2).close();

    assertThat(rig.wish(file).refused()).isEqualTo(OpenConst4.WND4_CONTENTION);
    rig.time.advance(Rig.DELEGATIONS.contentionNanos() + 1);
    rig.wish(file).granted();
  }

  @Test
  void whoWasToldToComeBackIsWaitedFor() {
    Stateid4 stateid = rig.wish(file).granted().stateid();
    rig.delayed(file, FileChange.METADATA, 0, MB, 2);
    rig.giveBackDelegation(1, stateid, file);
    assertThat(rig.wish(file).client(3).reclaimed().refused())
        .as("the reservation stands in its way, were contention out of it")
        .isEqualTo(OpenConst4.WND4_CONTENTION);
    rig.permitted(file, FileChange.METADATA, 0, MB, 2).close();
    rig.wish(file).client(3).reclaimed().granted();
  }

  // ------------------------------------------------------------------ recall

  @Test
  void kernelBreakRecallsAllAndTheLastReturnGivesTheLeaseUp() {
    Stateid4 one = rig.wish(file).granted().stateid();
    Stateid4 two = rig.wish(file).client(2).granted().stateid();

    rig.breakLease(file);
    assertThat(rig.recalls).hasSize(2);
    rig.giveBackDelegation(1, one, file);
    assertThat(rig.isSealed(file)).isTrue();
    rig.giveBackDelegation(2, two, file);
    rig.work();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void whoDoesNotGiveItBackLosesItAtTheDeadline() {
    Stateid4 stateid = rig.wish(file).write().granted().stateid();
    rig.breakLease(file);
    rig.recalls.getFirst().answer(NFS4_OK);

    rig.time.advance(RECALL - 1);
    assertThat(rig.isSealed(file)).isTrue();
    rig.time.advance(1);
    rig.work();

    assertThat(rig.isSealed(file)).as("S4").isFalse();
    assertThat(door.checkIo(1, stateid, file.identity(), true)).isEqualTo(NFS4ERR_DELEG_REVOKED);
    assertThat(rig.arbiter.testStateid(1, stateid)).isEqualTo(NFS4ERR_DELEG_REVOKED);
    assertThat(rig.giveBackDelegation(1, stateid, file)).isEqualTo(NFS4ERR_DELEG_REVOKED);
    assertThat(rig.arbiter.hasRevokedState(1)).isTrue();
    assertThat(rig.time.timers()).isZero();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void whoLostOneGetsNoneUntilItHasFreedIt() {
    Stateid4 stateid = rig.wish(file).granted().stateid();
    rig.breakLease(file);
    rig.time.advance(RECALL);
    FakeSealer.File other = rig.file().data(0, MB);
    assertThat(rig.wish(other).refused()).isEqualTo(OpenConst4.WND4_RESOURCE);

    assertThat(rig.arbiter.freeStateid(1, stateid)).isEqualTo(NFS4_OK);

    assertThat(rig.arbiter.hasRevokedState(1)).isFalse();
    rig.wish(other).granted();
  }

  @Test
  void nearKernelDeadlineShortensARecallThatRuns() {
    rig.wish(file).granted();
    rig.delayed(file, FileChange.OPEN_WRITE, 0, MB, 2);
    long deadline = rig.time.nanoTime() + 5 * SECOND;
    rig.sealer
        .held
        .get(file)
        .breaks(
            io.selkie.lease.Sealer.BreakCause.KERNEL_LEASE_BREAK, rig.time.nanoTime(), deadline);

    rig.time.advance(5 * SECOND - Rig.POLICY.fenceBudgetNanos());
    rig.work();

    assertThat(rig.isSealed(file)).isFalse();
    assertThat(rig.time.nanoTime()).isLessThan(deadline);
  }

  @Test
  void recallIsSentAgainWhenTheClientIsBusyOrItsConnectionIsLost() {
    rig.wish(file).granted();
    rig.breakLease(file);
    rig.recalls.getLast().answer(NFS4ERR_DELAY);
    rig.time.advance(SECOND);
    assertThat(rig.recalls).hasSize(2);
    rig.recalls.getLast().reply().onReply(Outcome.LOST, 0);
    rig.time.advance(SECOND);
    assertThat(rig.recalls).hasSize(3);
    rig.recalls.getLast().reply().onReply(Outcome.NO_BACK_CHANNEL, 0);
    rig.time.advance(SECOND);
    assertThat(rig.recalls).as("nobody to send it to").hasSize(3);
    rig.arbiter.backChannelUp(1);
    assertThat(rig.recalls).hasSize(4);
  }

  @Test
  void clientThatInsistsOnNotKnowingItIsBelieved() {
    rig.wish(file).granted();
    rig.breakLease(file);
    rig.recalls.getLast().answer(NFS4ERR_BADHANDLE);
    assertThat(rig.isSealed(file)).as("the reply may be on its way").isTrue();
    rig.time.advance(SECOND);
    rig.recalls.getLast().answer(NFS4ERR_BAD_STATEID);
    rig.time.advance(SECOND);
    rig.recalls.getLast().answer(NFS4ERR_BAD_STATEID);
    rig.work();
    rig.assertNothingIsLeft(file);
    assertThat(rig.arbiter.hasRevokedState(1)).isFalse();
  }

  @Test
  void administratorsRecallWaitsForTheReturn() {
    Stateid4 stateid = rig.wish(file).granted().stateid();
    rig.wish(file).client(2).granted();
    CompletionStage<Void> done =
        rig.arbiter.recall(
            new RecallFilter(OptionalLong.of(1), Optional.empty(), OptionalLong.empty()),
            RecallCause.ADMINISTRATIVE);
    assertThat(rig.recalls).hasSize(1);
    assertThat(done.toCompletableFuture()).isNotDone();
    rig.giveBackDelegation(1, stateid, file);
    assertThat(done.toCompletableFuture()).isCompleted();
    assertThat(door.holdsDelegations(2)).isTrue();
  }

  @Test
  void goneClientLeavesNothing() {
    Stateid4 stateid = rig.wish(file).write().granted().stateid();
    rig.arbiter.clientGone(1, RecallCause.CLIENT_EXPIRED);
    assertThat(door.check(1, stateid, file.identity())).isEqualTo(NFS4ERR_EXPIRED);
    rig.work();
    rig.assertNothingIsLeft(file);
    assertThat(rig.recalls).as("nobody is asked").isEmpty();
  }

  @Test
  void closedServerKeepsNothing() {
    rig.wish(file).write().granted();
    rig.arbiter.close();
    rig.work();
    rig.assertNothingIsLeft(file);
    assertThat(rig.wish(file).refused()).isEqualTo(OpenConst4.WND4_RESOURCE);
  }

  @Test
  void stoppingServerAsksFirst() {
    Stateid4 stateid = rig.wish(file).write().granted().stateid();
    CompletionStage<Void> stopped = rig.arbiter.stop();
    assertThat(rig.recalls).hasSize(1);
    rig.giveBackDelegation(1, stateid, file);
    assertThat(stopped.toCompletableFuture()).isCompleted();
  }

  // ------------------------------------------------------------------ with layouts

  @Test
  void layoutOfTheSameClientSharesTheSeal() {
    Stateid4 delegation = rig.wish(file).write().granted().stateid();
    Stateid4 layout = rig.get(file).rw().granted().stateid();
    assertThat(rig.sealer.calls).hasSize(2);
    assertThat(rig.sealer.calls.getLast()).startsWith("extend");

    rig.giveBackDelegation(1, delegation, file);
    assertThat(rig.isSealed(file)).as("the layout needs it").isTrue();
    rig.giveBack(file, 1, layout);
    rig.assertNothingIsLeft(file);
  }

  @Test
  void sealOfALayoutServesADelegationToo() {
    Stateid4 layout = rig.get(file).rw().granted().stateid();
    Stateid4 delegation = rig.wish(file).write().granted().stateid();
    rig.giveBack(file, 1, layout);
    assertThat(rig.isSealed(file)).as("the delegation needs it").isTrue();
    rig.giveBackDelegation(1, delegation, file);
    rig.assertNothingIsLeft(file);
  }

  @Test
  void layoutToWriteTakesTheDelegationsOfOthersBack() {
    Stateid4 delegation = rig.wish(file).granted().stateid();
    assertThat(rig.get(file).client(2).rw().refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    assertThat(rig.recalls).hasSize(1);
    rig.giveBackDelegation(1, delegation, file);
    rig.get(file).client(2).rw().granted();
    assertThat(rig.wish(file).client(3).refused()).isEqualTo(OpenConst4.WND4_CONTENTION);
  }

  @Test
  void breakWaitsForLayoutAndDelegation() {
    Stateid4 delegation = rig.wish(file).granted().stateid();
    Stateid4 layout = rig.get(file).client(2).granted().stateid();
    rig.breakLease(file);
    assertThat(rig.recalls).hasSize(1);
    assertThat(rig.sent).hasSize(1);
    rig.giveBack(file, 2, layout);
    rig.work();
    assertThat(rig.isSealed(file)).isTrue();
    rig.giveBackDelegation(1, delegation, file);
    rig.work();
    rig.assertNothingIsLeft(file);
  }

  // ------------------------------------------------------------------ stateids

  @Test
  void stateidIsCheckedLikeAnyOther() {
    FileIdentity other = rig.file().identity();
    Stateid4 stateid = rig.wish(file).granted().stateid();
    assertThat(door.isDelegationStateid(stateid)).isTrue();
    assertThat(rig.arbiter.isLayoutStateid(stateid)).isFalse();
    assertThat(stateid.seqid()).isEqualTo(1);
    assertThat(door.check(1, stateid, file.identity())).isEqualTo(NFS4_OK);
    assertThat(door.check(1, stateid.withSeqid(0), null)).isEqualTo(NFS4_OK);
    assertThat(door.check(1, stateid.withSeqid(2), null)).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(door.check(2, stateid, null)).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(door.check(1, stateid, other)).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(door.checkIo(1, stateid, file.identity(), false)).isEqualTo(NFS4_OK);
    assertThat(door.checkIo(1, stateid, file.identity(), true)).isEqualTo(NFS4ERR_OPENMODE);
    assertThat(rig.arbiter.freeStateid(1, stateid)).isEqualTo(NFS4ERR_LOCKS_HELD);
    rig.giveBackDelegation(1, stateid, file);
    assertThat(door.check(1, stateid, file.identity())).isEqualTo(NFS4ERR_BAD_STATEID);
    assertThat(rig.giveBackDelegation(1, stateid, file)).isEqualTo(NFS4ERR_BAD_STATEID);
  }

  // ------------------------------------------------------------------ reclaim

  @Test
  void reclaimedOneWithoutALeaseIsGivenAndRecalledAtOnce() {
    rig.sealer.refusal = new Refusal(Reason.IN_USE, "somebody has it open");
    Granted granted = rig.wish(file).write().reclaimed().granted();
    assertThat(granted.recalled()).isTrue();
    assertThat(rig.recalls).hasSize(1);
    assertThat(door.checkIo(1, granted.stateid(), file.identity(), true)).isEqualTo(NFS4_OK);
    rig.giveBackDelegation(1, granted.stateid(), file);
    rig.assertNothingIsLeft(file);
  }

  // ------------------------------------------------------------------ CB_GETATTR

  private CompletableFuture<HolderView> view(long client, long change, long size) {
    return door.view(client, file.identity(), change, size).toCompletableFuture();
  }

  @Test
  void holderOfAWriteDelegationIsAskedForItsChanges() {
    rig.wish(file).write().granted();
    assertThat(door.isWrittenByOther(1, file.identity())).isFalse();
    assertThat(door.isWrittenByOther(2, file.identity())).isTrue();
    assertThat(view(1, 7, MB)).isCompletedWithValue(new HolderView.Unchanged());

    CompletableFuture<HolderView> first = view(2, 7, MB);
    CompletableFuture<HolderView> second = view(3, 7, MB);
    assertThat(rig.queries).as("asked once for both").hasSize(1);
    rig.queries.getFirst().answer(7, MB);
    assertThat(first).isCompletedWithValue(new HolderView.Unchanged());
    assertThat(second).isCompletedWithValue(new HolderView.Unchanged());

    CompletableFuture<HolderView> third = view(2, 7, MB);
    rig.queries.getLast().answer(8, 2 * MB);
    HolderView.Changed changed = (HolderView.Changed) third.join();
    assertThat(changed.change()).isEqualTo(8);
    assertThat(changed.holder().size()).isEqualTo(2 * MB);

    CompletableFuture<HolderView> fourth = view(2, 7, MB);
    rig.queries.getLast().answer(8, 2 * MB);
    assertThat(((HolderView.Changed) fourth.join()).change())
        .as("it may have changed it yet again")
        .isEqualTo(9);
    assertThat(rig.recalls).isEmpty();
  }

  @Test
  void otherSizeAloneMeansChanged() {
    rig.wish(file).write().granted();
    CompletableFuture<HolderView> view = view(2, 7, MB);
    rig.queries.getFirst().answer(7, MB + 1);
    assertThat(view.join()).isInstanceOf(HolderView.Changed.class);
  }

  @Test
  void holderThatDoesNotAnswerInTimeIsRecalled() {
    rig.wish(file).write().granted();
    CompletableFuture<HolderView> view = view(2, 7, MB);
    rig.time.advance(Rig.DELEGATIONS.attributesWaitNanos() - 1);
    assertThat(view).isNotDone();
    rig.time.advance(1);
    assertThat(view).isCompletedWithValue(new HolderView.Recalled());
    assertThat(rig.recalls).hasSize(1);
    rig.queries.getFirst().answer(7, MB);
    assertThat(view(2, 7, MB)).isCompletedWithValue(new HolderView.Recalled());
    assertThat(rig.queries).as("not asked again").hasSize(1);
  }

  @Test
  void returnAnswersWhoWaitsForTheHolder() {
    Stateid4 stateid = rig.wish(file).write().granted().stateid();
    CompletableFuture<HolderView> view = view(2, 7, MB);
    rig.giveBackDelegation(1, stateid, file);
    assertThat(view).isCompletedWithValue(new HolderView.Recalled());
    assertThat(rig.time.timers()).isZero();
    assertThat(door.isWrittenByOther(2, file.identity())).isFalse();
  }
}
