package io.selkie.server.offload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.layout.CallbackChannel.RecallReply;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Verifier4;
import io.selkie.server.offload.OffloadWork.Step;
import io.selkie.server.offload.Offloads.Limits;
import io.selkie.server.testing.ManualTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Goal: bounds hold, every work is closed exactly once, and every end is told or can be asked. */
class OffloadsTest {

  private static final FileIdentity FILE = new FileIdentity(1, 2, 3);
  private static final int BOOT = 77;

  /** Does what it is told, piece by piece. */
  private static class Played implements OffloadWork {
    private final ArrayDeque<Step> steps;
    private long bytes;
    private int closed;

    Played(Step... steps) {
      this.steps = new ArrayDeque<>(List.of(steps));
    }

    @Override
    public Step step() {
      assertThat(closed).as("closed before a step").isZero();
      bytes += 10;
      Step step = steps.poll();
      if (step == null) {
        throw new IllegalStateException("one step too many");
      }
      return step;
    }

    @Override
    public long doneBytes() {
      return bytes;
    }

    @Override
    public int status() {
      return NfsStat4.NFS4ERR_NOSPC;
    }

    @Override
    public void close() {
      closed++;
    }
  }

  private final ArrayDeque<Runnable> queue = new ArrayDeque<>();
  private final List<RecallReply> told = new ArrayList<>();
  private final ManualTime time = new ManualTime();
  private final Offloads offloads =
      new Offloads(
          BOOT,
          new Limits(3, 2, 2),
          queue::add,
          time,
          (client, opcode, referring, arguments, reply) -> told.add(reply));

  private Optional<Stateid4> begin(long client, OffloadWork work) {
    return offloads.begin(
        new Offloads.Request(
            client,
            1000,
            FILE,
            new byte[] {1},
            new byte[] {2},
            new Verifier4(5),
            new CallReference(new SessionId4(1, 2), 0, 1)),
        work);
  }

  private void runAll() {
    while (!queue.isEmpty()) {
      queue.poll().run();
    }
  }

  @Test
  void piecesOfSeveralAreDoneInTurn() {
    Played one = new Played(Step.MORE, Step.MORE, Step.DONE);
    Played two = new Played(Step.MORE, Step.MORE, Step.DONE);
    begin(1, one);
    begin(2, two);
    queue.poll().run();
    queue.poll().run();
    assertThat(one.bytes).isEqualTo(two.bytes).isEqualTo(10);
    runAll();
    assertThat(one.closed).isEqualTo(two.closed).isEqualTo(1);
    assertThat(told).hasSize(2);
    assertThat(offloads.runningCount()).isZero();
  }

  @Test
  void clientAndServerHaveBounds() {
    assertThat(begin(1, new Played(Step.DONE))).isPresent();
    assertThat(begin(1, new Played(Step.DONE))).isPresent();
    Played third = new Played(Step.DONE);
    assertThat(begin(1, third)).isEmpty();
    assertThat(third.closed).as("stays its maker's").isZero();
    assertThat(begin(2, new Played(Step.DONE))).isPresent();
    assertThat(begin(3, new Played(Step.DONE))).isEmpty();
    runAll();
    assertThat(begin(3, new Played(Step.DONE))).isPresent();
  }

  @Test
  void whatHasToWaitIsTriedAgainAfterAWhile() {
    Played work = new Played(Step.LATER, Step.DONE);
    Stateid4 stateid = begin(1, work).orElseThrow();
    runAll();
    assertThat(offloads.progress(1, FILE, stateid).isComplete()).isFalse();
    time.pass(1, TimeUnit.SECONDS);
    runAll();
    assertThat(work.closed).isEqualTo(1);
    assertThat(told).hasSize(1);
  }

  @Test
  void whatIsCancelledWhileItWaitsGivesEverythingBackAtOnce() {
    Played work = new Played(Step.LATER);
    Stateid4 stateid = begin(1, work).orElseThrow();
    runAll();
    assertThat(offloads.cancel(1, 1000, FILE, stateid)).isEqualTo(NfsStat4.NFS4_OK);
    runAll();
    assertThat(work.closed).isEqualTo(1);
    assertThat(time.pendingCount()).isZero();
    assertThat(told).isEmpty();
  }

  @Test
  void defectOfTheWorkIsToldAsOne() {
    Played work = new Played();
    Stateid4 stateid = begin(1, work).orElseThrow();
    runAll();
    assertThat(offloads.progress(1, FILE, stateid).result())
        .isEqualTo(NfsStat4.NFS4ERR_SERVERFAULT);
    assertThat(work.closed).isEqualTo(1);
    assertThat(told).hasSize(1);
  }

  @Test
  void errorOfTheMachineIsToldAsADefect() {
    Played work =
        new Played() {
          @Override
          public Step step() {
            throw new OutOfMemoryError("on purpose");
          }
        };
    Stateid4 stateid = begin(1, work).orElseThrow();
    runAll();
    assertThat(offloads.progress(1, FILE, stateid).result())
        .isEqualTo(NfsStat4.NFS4ERR_SERVERFAULT);
    assertThat(work.closed).isEqualTo(1);
    assertThat(offloads.runningCount()).isZero();
    assertThat(told).hasSize(1);
  }

  @Test
  void endIsToldAgainWhenItsAnswerIsLostAndForgottenWhenItCame() {
    Stateid4 stateid = begin(1, new Played(Step.FAILED)).orElseThrow();
    runAll();
    told.removeFirst().onReply(Outcome.LOST, 0);
    assertThat(offloads.progress(1, FILE, stateid).result()).isEqualTo(NfsStat4.NFS4ERR_NOSPC);
    time.pass(2, TimeUnit.SECONDS);
    runAll();
    told.removeFirst().onReply(Outcome.ANSWERED, NfsStat4.NFS4ERR_DELAY);
    time.pass(5, TimeUnit.SECONDS);
    runAll();
    told.removeFirst().onReply(Outcome.ANSWERED, NfsStat4.NFS4ERR_BAD_STATEID);
    assertThat(offloads.progress(1, FILE, stateid).status())
        .isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
    assertThat(time.pendingCount()).isZero();
  }

  @Test
  void channelThatComesUpWhileItIsLookedForIsUsed() {
    begin(1, new Played(Step.DONE));
    runAll();
    offloads.backChannelUp(1);
    told.removeFirst().onReply(Outcome.NO_BACK_CHANNEL, 0);
    time.pass(1, TimeUnit.MILLISECONDS);
    runAll();
    assertThat(told).hasSize(1);
    told.removeFirst().onReply(Outcome.NO_BACK_CHANNEL, 0);
    time.pass(1, TimeUnit.HOURS);
    assertThat(told).as("nobody polls").isEmpty();
    offloads.backChannelUp(1);
    assertThat(told).hasSize(1);
  }

  @Test
  void oldestUntoldEndsAreForgotten() {
    List<Stateid4> stateids = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      stateids.add(begin(1, new Played(Step.DONE)).orElseThrow());
      runAll();
      told.removeFirst().onReply(Outcome.NO_BACK_CHANNEL, 0);
    }
    assertThat(stateids)
        .extracting(stateid -> offloads.testStateid(1, stateid))
        .containsExactly(
            NfsStat4.NFS4ERR_BAD_STATEID,
            NfsStat4.NFS4ERR_BAD_STATEID,
            NfsStat4.NFS4_OK,
            NfsStat4.NFS4_OK);
  }

  @Test
  void stateidIsGoodForItsClientFileAndServerOnly() {
    Stateid4 stateid = begin(1, new Played(Step.DONE)).orElseThrow();
    assertThat(offloads.holdsState(1)).isTrue();
    assertThat(offloads.holdsState(2)).isFalse();
    assertThat(offloads.freeStateid(1, stateid)).isEqualTo(NfsStat4.NFS4ERR_LOCKS_HELD);
    assertThat(offloads.testStateid(2, stateid)).isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
    assertThat(offloads.progress(1, new FileIdentity(1, 2, 4), stateid).status())
        .isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
    assertThat(offloads.cancel(1, 1001, FILE, stateid)).isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
    Stateid4 earlier = new Stateid4(1, stateid.otherHigh(), BOOT - 1);
    assertThat(offloads.testStateid(1, earlier)).isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
    runAll();
    assertThat(offloads.cancel(1, 1000, FILE, stateid))
        .isEqualTo(NfsStat4.NFS4ERR_COMPLETE_ALREADY);
    assertThat(offloads.testStateid(1, stateid)).isEqualTo(NfsStat4.NFS4ERR_BAD_STATEID);
    // The answer to the callback that was under way finds nothing any more.
    told.removeFirst().onReply(Outcome.ANSWERED, 0);
  }

  @Test
  void closingEndsEverythingAndTellsNobody() {
    Played running = new Played(Step.MORE, Step.DONE);
    Played waiting = new Played(Step.LATER);
    begin(1, running);
    begin(2, waiting);
    queue.poll().run();
    queue.poll().run();
    offloads.close();
    runAll();
    assertThat(running.closed).isEqualTo(waiting.closed).isEqualTo(1);
    assertThat(told).isEmpty();
    assertThat(begin(1, new Played(Step.DONE))).isEmpty();
  }

  @Test
  void whatIsStoppedEndsAfterItsPieceAndIsToldWhy() {
    Played byTarget = new Played(Step.MORE, Step.MORE);
    begin(1, byTarget);
    queue.poll().run();
    var other = offloads.stop(handle -> handle[0] == 3, NfsStat4.NFS4ERR_ADMIN_REVOKED);
    assertThat(other).isCompleted();
    var gone = offloads.stop(handle -> handle[0] == 2, NfsStat4.NFS4ERR_ADMIN_REVOKED);
    assertThat(gone).as("the chain of pieces holds it").isNotDone();
    runAll();
    assertThat(gone).isCompleted();
    assertThat(byTarget.bytes).isEqualTo(10);
    assertThat(byTarget.closed).isEqualTo(1);
    assertThat(told).hasSize(1);
    assertThat(offloads.runningCount()).isZero();
  }

  @Test
  void statesHaveNoOtherEdges() {
    assertThat(OffloadState.RUNNING.mayBecome(OffloadState.TELLING)).isFalse();
    assertThat(OffloadState.FORGOTTEN.mayBecome(OffloadState.ENDED)).isFalse();
    Offload offload =
        new Offload(
            new Offloads.Request(
                1,
                2,
                FILE,
                new byte[0],
                new byte[0],
                new Verifier4(1),
                new CallReference(new SessionId4(1, 2), 0, 1)),
            new Stateid4(1, 2, 3),
            new Played());
    assertThatThrownBy(() -> offload.become(OffloadState.TELLING))
        .isInstanceOf(IllegalStateException.class);
  }
}
