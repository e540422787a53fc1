package io.selkie.layout;

import static io.selkie.layout.Rig.MB;
import static io.selkie.layout.Rig.SECOND;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.DelegationArbiter.DelegationResult.Granted;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Goal: whoever may wait for a delegation is told at once when it is back, and else in time. */
class RecallWatchTest {

  private static final long PATIENCE = SECOND / 10;

  private final Rig rig = new Rig();
  private final FakeSealer.File file = rig.file().data(0, MB);
  private final DelegationArbiter door = rig.arbiter.delegations();

  private ChangePermit.Delay refused(FileChange change, long by) {
    return (ChangePermit.Delay) rig.change(file, change, 0, MB, by);
  }

  private CompletableFuture<Boolean> await() {
    return door.recallsOver(file.identity(), PATIENCE).toCompletableFuture();
  }

  @Test
  void whoWaitsGoesOnWhenTheLastIsBack() {
    Granted first = rig.wish(file).granted();
    Granted second = rig.wish(file).client(2).granted();
    assertThat(refused(FileChange.OPEN_WRITE, 3).soon()).isTrue();
    CompletableFuture<Boolean> over = await();
    assertThat(rig.giveBackDelegation(1, first.stateid(), file)).isEqualTo(NFS4_OK);
    assertThat(over).isNotDone();
    assertThat(rig.giveBackDelegation(2, second.stateid(), file)).isEqualTo(NFS4_OK);
    assertThat(over).isCompletedWithValue(true);
    rig.permitted(file, FileChange.OPEN_WRITE, 0, MB, 3).close();
    rig.time.advance(60 * SECOND);
    rig.assertNothingIsLeft(file);
  }

  @Test
  void whoWaitsInVainIsToldSoAndTheRecallGoesOn() {
    Granted granted = rig.wish(file).granted();
    refused(FileChange.OPEN_WRITE, 2);
    CompletableFuture<Boolean> over = await();
    rig.time.advance(PATIENCE - 1);
    assertThat(over).isNotDone();
    rig.time.advance(1);
    assertThat(over).isCompletedWithValue(false);
    assertThat(door.heldBy(1, file.identity())).isPresent();
    assertThat(rig.giveBackDelegation(1, granted.stateid(), file)).isEqualTo(NFS4_OK);
    rig.time.advance(60 * SECOND);
    rig.assertNothingIsLeft(file);
  }

  @Test
  void revocationEndsTheWaitingToo() {
    rig.wish(file).granted();
    refused(FileChange.OPEN_WRITE, 2);
    CompletableFuture<Boolean> over =
        door.recallsOver(file.identity(), 600 * SECOND).toCompletableFuture();
    rig.time.advance(Rig.POLICY.recallTimeoutNanos());
    rig.work();
    assertThat(over).isCompletedWithValue(true);
  }

  @Test
  void whereNothingIsRecalledNobodyWaits() {
    assertThat(await()).isCompletedWithValue(true);
    rig.wish(file).granted();
    assertThat(await()).as("held, and in nobody's way").isCompletedWithValue(true);
  }

  @Test
  void whoOpensTheDescriptionAnewWaitsForTheSealToGo() {
    Granted granted = rig.wish(file).granted();
    assertThat(refused(FileChange.REOPEN, 1).soon()).as("its own delegation").isTrue();
    CompletableFuture<Boolean> over = await();
    over.thenAccept(yes -> assertThat(rig.isSealed(file)).isFalse());
    assertThat(rig.giveBackDelegation(1, granted.stateid(), file)).isEqualTo(NFS4_OK);
    assertThat(over).isCompletedWithValue(true);
    rig.permitted(file, FileChange.REOPEN, 0, MB, 1).close();
  }

  @Test
  void layoutIsNothingToWaitForSoSoon() {
    rig.get(file).granted();
    assertThat(refused(FileChange.SHRINK, 2).soon()).isFalse();
    assertThat(refused(FileChange.REOPEN, 1).soon()).isFalse();
  }

  @Test
  void soManyWaitAndNoMore() {
    rig.wish(file).granted();
    refused(FileChange.OPEN_WRITE, 2);
    for (int i = 0; i < Rig.POLICY.waitersPerFileMax(); i++) {
      assertThat(await()).isNotDone();
    }
    assertThat(await()).isCompletedWithValue(false);
    rig.time.advance(PATIENCE);
    assertThat(await()).as("room again").isNotDone();
  }
}
