package io.selkie.layout;

import static io.selkie.layout.Rig.KB4;
import static io.selkie.layout.Rig.MB;
import static io.selkie.layout.Rig.SECOND;
import static io.selkie.layout.Rig.WHOLE;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUT4_RDMA;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_ANY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADHANDLE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELAY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_NOMATCHING_LAYOUT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_RECALLCONFLICT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Recall, return and fence: RFC 8881 section 12.5.5, invariants S1, S3 and S4. */
class RecallTest {

  private final Rig rig = new Rig();
  private final FakeSealer.File file = rig.file().data(0, MB);

  @Test
  void breakRecallsReturnsInvalidatesAndReleasesInThisOrder() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.events.clear();

    rig.breakLease(file);
    rig.sent.getFirst().answer(NFS4_OK);
    assertThat(rig.isSealed(file)).isTrue();
    assertThat(rig.giveBack(file, 1, stateid).status()).isEqualTo(NFS4_OK);

    assertThat(rig.steps())
        .containsExactly(
            Step.BREAK_SEEN,
            Step.RECALL_SENT,
            Step.RECALL_ANSWERED,
            Step.LAYOUT_RETURNED,
            Step.HANDLE_INVALIDATED,
            Step.SEAL_RELEASED);
    assertThat(rig.events).extracting(LayoutEvents.Event::recallId).containsOnly(1L);
    var recall = rig.sent.getFirst().recall();
    assertThat(recall.offset()).isZero();
    assertThat(recall.length()).isEqualTo(WHOLE);
    assertThat(recall.ioMode()).isEqualTo(LAYOUTIOMODE4_ANY);
    assertThat(recall.file()).isEqualTo(file.identity());
    rig.assertNothingIsLeft(file);
    assertThat(rig.time.timers()).as("no timer is left").isZero();
  }

  @Test
  void sealStaysUntilTheLastAccessIsOver() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.rdma.slowPeers = true;
    rig.breakLease(file);

    var answer = rig.giveBack(file, 1, stateid, 0, WHOLE, LAYOUTIOMODE4_ANY);
    rig.work();
    assertThat(answer).isNotDone();
    assertThat(rig.isSealed(file)).isTrue();

    rig.rdma.invalidating().getFirst().dead.complete(null);
    assertThat(answer).isNotDone();
    rig.work();
    assertThat(answer).isDone();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void slowPeerIsBrokenOffAfterTheFenceBudget() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.rdma.slowPeers = true;
    var answer = rig.giveBack(file, 1, stateid, 0, WHOLE, LAYOUTIOMODE4_ANY);

    rig.time.advance(Rig.POLICY.fenceBudgetNanos() - 1);
    assertThat(rig.rdma.regions.getFirst().aborted).isFalse();
    rig.time.advance(1);
    assertThat(rig.rdma.regions.getFirst().aborted).isTrue();
    rig.work();
    assertThat(answer).isDone();
    rig.assertNothingIsLeft(file);
  }

  /** A device that ends accesses by waiting for them keeps the thread that gives back. */
  @Test
  void returnThatWaitsForItsOwnAccessesDoesSoForTheFenceBudgetOnly() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.rdma.waiting =
        () -> {
          rig.time.advance(Rig.POLICY.fenceBudgetNanos() - 1);
          assertThat(rig.rdma.regions.getFirst().aborted).isFalse();
          rig.time.advance(1);
          assertThat(rig.rdma.regions.getFirst().aborted).isTrue();
        };
    assertThat(rig.giveBack(file, 1, stateid).status()).isEqualTo(NFS4_OK);
    rig.assertNothingIsLeft(file);
    assertThat(rig.time.timers()).as("no timer is left").isZero();
  }

  @Test
  void returnOfManyPartsWaitsForOneFenceBudget() {
    Stateid4 stateid = null;
    for (int i = 0; i < 3; i++) {
      stateid = rig.get(file).range(i * KB4, KB4).granted().stateid();
    }
    assertThat(rig.rdma.live()).hasSize(3);
    rig.rdma.slowPeers = true;
    AtomicInteger waits = new AtomicInteger();
    rig.rdma.waiting =
        () -> {
          waits.incrementAndGet();
          assertThat(rig.rdma.invalidating()).as("all were begun").hasSize(3);
          rig.time.advance(Rig.POLICY.fenceBudgetNanos());
          assertThat(rig.rdma.invalidating()).as("no budget began later").isEmpty();
        };
    assertThat(rig.giveBack(file, 1, stateid).status()).isEqualTo(NFS4_OK);
    rig.work();
    assertThat(waits).hasValue(1);
    rig.assertNothingIsLeft(file);
    assertThat(rig.time.timers()).as("no timer is left").isZero();
  }

  @Test
  void bulkReturnKeepsNoThread() {
    FakeSealer.File other = rig.file().data(0, MB);
    rig.get(file).granted();
    rig.get(other).granted();
    rig.rdma.slowPeers = true;
    rig.rdma.waiting = () -> fail("once for each file");
    var answer = rig.arbiter.layoutReturnBulk(1, LAYOUT4_RDMA, Optional.empty());
    assertThat(rig.rdma.invalidating()).hasSize(2);
    rig.time.advance(Rig.POLICY.fenceBudgetNanos());
    rig.work();
    assertThat(answer.toCompletableFuture()).isDone();
    rig.assertNothingIsLeft(file);
    rig.assertNothingIsLeft(other);
  }

  @Test
  void fenceKeepsNoThread() {
    rig.get(file).granted();
    rig.rdma.waiting = () -> fail("a fence may take long, and others wait behind it");
    rig.breakLease(file);
    rig.sent.getFirst().answer(NFS4_OK);
    rig.time.advance(10 * SECOND);
    rig.work();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void silentClientIsFencedAtTheDeadline() {
    rig.get(file).granted();
    rig.breakLease(file);
    rig.sent.getFirst().answer(NFS4_OK);

    rig.time.advance(10 * SECOND - 1);
    assertThat(rig.rdma.live()).hasSize(1);
    rig.time.advance(1);
    rig.work();

    rig.assertNothingIsLeft(file);
    assertThat(rig.steps()).endsWith(Step.FENCE_BEGUN, Step.HANDLE_INVALIDATED, Step.SEAL_RELEASED);
  }

  @Test
  void clientWithoutBackChannelIsFencedAtTheDeadlineLikeAnyOther() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.get(file).client(2).granted();
    rig.breakLease(file);
    rig.sent.forEach(sent -> sent.reply().onReply(Outcome.NO_BACK_CHANNEL, 0));

    rig.time.advance(9 * SECOND);
    assertThat(rig.sent).as("nothing to send it to").hasSize(2);
    assertThat(rig.giveBack(file, 1, stateid).status()).isEqualTo(NFS4_OK);
    assertThat(rig.isSealed(file)).isTrue();
    rig.time.advance(SECOND);
    rig.work();
    rig.assertNothingIsLeft(file);
    assertThat(rig.arbiter.hasRevokedState(1)).isFalse();
    assertThat(rig.arbiter.hasRevokedState(2)).isTrue();
  }

  @Test
  void deadlineLiesInsideTheKernelsEvenWhenThatIsNear() {
    rig.get(file).granted();
    long now = rig.time.nanoTime();
    rig.sealer.held.get(file).breaks(BreakCause.KERNEL_LEASE_BREAK, now, now + 5 * SECOND);

    rig.time.advance(3 * SECOND - 1);
    assertThat(rig.rdma.live()).hasSize(1);
    rig.time.advance(1);
    assertThat(rig.rdma.live()).isEmpty();
  }

  @Test
  void answerNoMatchingLayoutIsAnImplicitReturn() {
    rig.get(file).granted();
    rig.breakLease(file);

    rig.sent.getFirst().answer(NFS4ERR_NOMATCHING_LAYOUT);
    rig.work();

    rig.assertNothingIsLeft(file);
    assertThat(rig.arbiter.hasRevokedState(1)).isFalse();
    assertThat(rig.time.timers()).isZero();
  }

  @Test
  void answerDelayIsAskedAgainAfterABackOffThatDoubles() {
    rig.get(file).granted();
    rig.breakLease(file);
    long wait = Rig.POLICY.resendFirstNanos();
    for (int i = 1; i <= 4; i++) {
      assertThat(rig.sent).hasSize(i);
      rig.sent.getLast().answer(NFS4ERR_DELAY);
      rig.time.advance(wait - 1);
      assertThat(rig.sent).hasSize(i);
      rig.time.advance(1);
      wait *= 2;
    }
    assertThat(rig.sent).hasSize(5);
    assertThat(rig.sent).extracting(s -> s.recall().stateid().seqid()).containsOnly(2);
    rig.time.advance(10 * SECOND);
    rig.work();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void lostRecallIsSentAgainWhenTheBackChannelIsUp() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.breakLease(file);
    rig.arbiter.backChannelUp(1);
    assertThat(rig.sent).as("not while the answer may still come").hasSize(1);
    rig.sent.getFirst().reply().onReply(Outcome.NO_BACK_CHANNEL, 0);

    rig.arbiter.backChannelUp(1);

    assertThat(rig.sent).hasSize(2);
    rig.sent.getLast().answer(NFS4_OK);
    rig.arbiter.backChannelUp(1);
    assertThat(rig.sent).as("answered is answered").hasSize(2);
    rig.giveBack(file, 1, stateid);
    rig.assertNothingIsLeft(file);
  }

  @Test
  void strangeAnswerIsNoReturn() {
    rig.get(file).granted();
    rig.breakLease(file);
    rig.sent.getFirst().answer(NFS4ERR_BADHANDLE);
    rig.work();
    assertThat(rig.rdma.live()).hasSize(1);
    rig.time.advance(10 * SECOND);
    rig.work();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void auditDifferenceFencesAtOnceAndRaisesAnAlarm() {
    rig.get(file).granted();
    rig.events.clear();

    rig.breakLease(file, BreakCause.AUDIT_DIFFERENCE);
    rig.work();

    assertThat(rig.sent).isEmpty();
    assertThat(rig.steps())
        .containsExactly(
            Step.AUDIT_DIFFERENCE, Step.FENCE_BEGUN, Step.HANDLE_INVALIDATED, Step.SEAL_RELEASED);
    rig.assertNothingIsLeft(file);
  }

  @Test
  void recallIsIdempotentForAClientThatIsAskedAlready() {
    rig.get(file).granted();
    rig.breakLease(file);
    rig.arbiter.recall(
        new RecallFilter(OptionalLong.empty(), Optional.empty(), OptionalLong.empty()),
        RecallCause.ADMINISTRATIVE);
    rig.delayed(file, FileChange.SHRINK, 0, MB, 0);
    rig.delayed(file, FileChange.REOPEN, 0, 0, 0);

    assertThat(rig.sent).hasSize(1);
  }

  @Test
  void partialReturnKeepsHandlesUntilTheirLastByteIsBack() {
    file.data(2 * MB, MB);
    Stateid4 stateid = rig.get(file).granted().stateid();
    assertThat(rig.rdma.live()).hasSize(2);

    rig.giveBack(file, 1, stateid, 512 * 1024, 512 * 1024, LAYOUTIOMODE4_ANY);
    assertThat(rig.rdma.live()).as("half of the first handle").hasSize(2);
    rig.giveBack(file, 1, stateid, 0, 512 * 1024, LAYOUTIOMODE4_ANY);
    assertThat(rig.rdma.live()).as("all of the first handle").hasSize(1);
    var last = rig.giveBack(file, 1, stateid);
    assertThat(last.stateid()).isEmpty();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void truncationWaitsForHandlesThatWereGivenBackInPart() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.giveBack(file, 1, stateid, 512 * 1024, WHOLE, LAYOUTIOMODE4_ANY);

    rig.delayed(file, FileChange.SHRINK, 512 * 1024, MB, 0);

    assertThat(rig.sent.getFirst().recall().offset()).isZero();
    assertThat(rig.sent.getFirst().recall().length()).isEqualTo(MB);
  }

  @Test
  void sourceOfAReflinkAndAPunchWaitForLayoutsWhichStayGoodForWriting() {
    for (FileChange change : List.of(FileChange.SHARE, FileChange.PUNCH)) {
      FakeSealer.File one = rig.file().data(0, MB);
      rig.get(one).rw().granted();
      rig.delayed(one, change, 0, MB, 2);
      assertThat(rig.sent.getLast().recall().changed()).as(change.name()).isFalse();
    }
    assertThat(rig.sent).hasSize(2);
  }

  @Test
  void returnOfOneIomodeKeepsTheOther() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.get(file).rw().by(stateid).granted();

    var result = Rig.done(rig.giveBack(file, 1, stateid, 0, WHOLE, 1));

    assertThat(result.stateid()).isPresent();
    assertThat(rig.rdma.live()).hasSize(1);
    assertThat(rig.rdma.live().getFirst().access).hasSize(2);
  }

  @Test
  void recallIsNotOverBeforeAReturnNamesAllOfIt() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.breakLease(file);

    var first = Rig.done(rig.giveBack(file, 1, stateid, 0, MB, LAYOUTIOMODE4_ANY));

    assertThat(first.stateid()).as("a return of the whole range is still due").isPresent();
    assertThat(rig.isSealed(file)).as("but no handle is left").isFalse();
    assertThat(rig.get(file).by(first.stateid().get()).refused()).isEqualTo(NFS4ERR_RECALLCONFLICT);
    var last = rig.giveBack(file, 1, first.stateid().get());
    assertThat(last.stateid()).isEmpty();
    rig.get(file).granted();
  }

  @Test
  void whoReturnedEverythingIsNotRevokedForAMissingFinalReturn() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.breakLease(file);
    rig.giveBack(file, 1, stateid, 0, MB, LAYOUTIOMODE4_ANY);
    rig.time.advance(10 * SECOND);

    assertThat(rig.arbiter.hasRevokedState(1)).isFalse();
    rig.get(file).granted();
  }

  @Test
  void othersAreToldToTryLaterDuringARecall() {
    rig.get(file).granted();
    rig.breakLease(file);

    assertThat(rig.get(file).client(2).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
  }

  @Test
  void returnOfNothingIsNoError() {
    Stateid4 stateid = rig.get(file).range(0, KB4).granted().stateid();
    var result = Rig.done(rig.giveBack(file, 1, stateid, 8 * KB4, KB4, LAYOUTIOMODE4_ANY));
    assertThat(result.status()).isEqualTo(NFS4_OK);
    assertThat(result.stateid()).contains(stateid.withSeqid(2));
  }

  @Test
  void bulkReturnFreesOnlyWhatItNames() {
    var other = rig.file().data(0, MB);
    rig.get(file).granted();
    rig.get(other).rw().granted();
    rig.get(file).client(2).granted();

    assertThat(rig.arbiter.layoutReturnBulk(1, 0x80000006, 1, Optional.empty()))
        .isCompletedWithValue(NFS4_OK);
    assertThat(rig.arbiter.layoutCount()).isEqualTo(2);
    assertThat(rig.arbiter.layoutReturnBulk(1, 0x80000006, Optional.of(99L)))
        .isCompletedWithValue(NFS4_OK);
    assertThat(rig.arbiter.layoutCount()).isEqualTo(2);
    assertThat(rig.arbiter.layoutReturnBulk(1, 0x80000006, Optional.of(7L)))
        .isCompletedWithValue(NFS4_OK);
    assertThat(rig.arbiter.layoutCount()).isOne();
  }

  @Test
  void lastCloseReturnsTheLayoutsOfThatClientAndFile() {
    rig.get(file).granted();
    rig.get(file).client(2).granted();

    assertThat(rig.arbiter.lastClose(1, file.identity())).isCompleted();

    assertThat(rig.arbiter.layoutCount()).isOne();
    rig.arbiter.lastClose(2, file.identity());
    rig.assertNothingIsLeft(file);
  }

  @Test
  void clientThatIsGoneLosesEverythingAtOnce() {
    var other = rig.file().data(0, MB);
    rig.get(file).granted();
    rig.get(other).granted();
    rig.get(other).client(2).granted();
    rig.rdma.slowPeers = true;

    var gone = rig.arbiter.clientGone(1, RecallCause.CLIENT_DESTROYED);
    rig.work();

    assertThat(gone).isCompleted();
    assertThat(rig.sent).isEmpty();
    assertThat(rig.arbiter.layoutCount()).isOne();
    assertThat(rig.arbiter.hasRevokedState(1)).isFalse();
    assertThat(rig.domains.existing(1)).isEmpty();
    assertThat(rig.get(file).min(1).client(1).refused()).isPositive();
    rig.work();
    assertThat(rig.isSealed(file)).isFalse();
  }

  @Test
  void stopRecallsEverythingAndGrantsNothingMore() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    var stopped = rig.arbiter.stop();

    assertThat(stopped).isNotCompleted();
    assertThat(rig.get(rig.file().data(0, MB)).refused()).isEqualTo(NFS4ERR_LAYOUTTRYLATER);
    rig.giveBack(file, 1, stateid);
    assertThat(stopped).isCompleted();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void closeFencesEverythingAndMayBeCalledTwice() {
    rig.get(file).granted();
    rig.arbiter.close();
    rig.arbiter.close();
    rig.work();
    assertThat(rig.sent).isEmpty();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void administrativeRecallOfOneClientLeavesTheOthers() {
    Stateid4 stateid = rig.get(file).granted().stateid();
    rig.get(file).client(2).granted();
    var done =
        rig.arbiter.recall(
            new RecallFilter(
                OptionalLong.of(1), Optional.of(file.identity()), OptionalLong.empty()),
            RecallCause.ADMINISTRATIVE);

    assertThat(rig.sent).hasSize(1);
    rig.get(file).client(3).granted();
    assertThat(rig.get(file).by(stateid).refused()).isEqualTo(NFS4ERR_RECALLCONFLICT);
    rig.giveBack(file, 1, stateid);
    assertThat(done).isCompleted();
    assertThat(rig.arbiter.layoutCount()).isEqualTo(2);
  }

  @Test
  void illegalEdgesAreErrors() {
    Part part = Part.hole(Ranges.WHOLE);
    part.become(LayoutState.RETURNING);
    assertThatThrownBy(() -> part.become(LayoutState.GRANTED))
        .isInstanceOf(IllegalStateException.class);
    for (FileState state : FileState.values()) {
      assertThat(state.mayBecome(state)).isFalse();
    }
    assertThat(List.of(LayoutState.RETURNED, LayoutState.REVOKED))
        .allMatch(end -> List.of(LayoutState.values()).stream().noneMatch(end::mayBecome));
  }
}
