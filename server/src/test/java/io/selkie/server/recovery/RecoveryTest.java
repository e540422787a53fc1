package io.selkie.server.recovery;

import static io.selkie.server.recovery.ClientStoreTest.await;
import static io.selkie.server.recovery.ClientStoreTest.owner;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.Principal;
import io.selkie.server.testing.ManualTime;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: who may reclaim is right after any sequence of restarts, and nobody gets anything that
 * somebody else may reclaim. Method: one store on a disk that can fail, servers after each other.
 */
@Timeout(120)
class RecoveryTest {

  private static final Principal ALICE = new Principal(1, 1000);
  private static final Principal BOB = new Principal(1, 1001);
  private static final int OK = NfsStat4.NFS4_OK;
  private static final int GRACE = NfsStat4.NFS4ERR_GRACE;
  private static final int NO_GRACE = NfsStat4.NFS4ERR_NO_GRACE;

  private final ManualTime time = new ManualTime();
  private final LossyDisk disk = new LossyDisk("recovery" + System.identityHashCode(this));
  @TempDir Path dir;
  private ClientStore store;
  private Recovery recovery;
  private String boot = "boot";

  @AfterEach
  void close() throws InterruptedException {
    if (store != null) {
      store.close();
    }
  }

  /** Another server, after one that was killed. */
  private void start() throws Exception {
    if (store != null) {
      disk.powerOff();
      store.close();
      disk.powerOn(new Random(1));
    }
    store =
        ClientStore.open(disk.fileName(dir.resolve("clients").toString()), boot, time, () -> {});
    recovery = new Recovery(store, time, time, Duration.ofSeconds(90));
  }

  private void confirm(long clientId, String name) {
    recovery.confirmed(clientId, owner(name), 1, ALICE);
  }

  /** A client that is there and holds an open. */
  private void holder(long clientId, String name) throws Exception {
    confirm(clientId, name);
    await(recovery.reclaimComplete(clientId));
    await(recovery.remember(clientId, false));
  }

  @Test
  void noRecordsNoGracePeriod() throws Exception {
    start();
    assertThat(recovery.inGrace()).isFalse();
    confirm(1, "a");
    assertThat(recovery.admitNew(1)).as("before RECLAIM_COMPLETE").isEqualTo(GRACE);
    assertThat(recovery.admitReclaim(1)).isEqualTo(NO_GRACE);
    await(recovery.reclaimComplete(1));
    assertThat(recovery.admitNew(1)).isEqualTo(OK);
    assertThat(recovery.admitReclaim(1)).isEqualTo(NO_GRACE);
    start();
    assertThat(recovery.inGrace()).as("it held nothing").isFalse();
  }

  @Test
  void graceThatAnAdministratorBeginsEndsByItselfOrWhenHeSays() throws Exception {
    start();
    holder(1, "a");
    assertThat(recovery.end()).as("there is none").isFalse();
    assertThat(recovery.start()).isTrue();
    assertThat(recovery.start()).as("one at a time").isFalse();
    assertThat(recovery.admitNew(1)).isEqualTo(GRACE);
    assertThat(recovery.admitReclaim(1)).as("nothing was lost").isEqualTo(NO_GRACE);
    time.pass(89, TimeUnit.SECONDS);
    assertThat(recovery.inGrace()).isTrue();
    time.pass(2, TimeUnit.SECONDS);
    await(recovery.graceOver());
    assertThat(recovery.admitNew(1)).isEqualTo(OK);

    assertThat(recovery.start()).isTrue();
    time.pass(60, TimeUnit.SECONDS);
    assertThat(recovery.end()).isTrue();
    await(recovery.graceOver());
    assertThat(recovery.start()).isTrue();
    time.pass(60, TimeUnit.SECONDS);
    assertThat(recovery.inGrace()).as("the timer of the one before does not count").isTrue();
    time.pass(31, TimeUnit.SECONDS);
    await(recovery.graceOver());
    start();
    assertThat(recovery.inGrace()).as("what it held is still remembered").isTrue();
  }

  @Test
  void whoWasTooLateCannotReclaimInAGracePeriodOfAnAdministratorEither() throws Exception {
    start();
    holder(1, "late");
    start();
    confirm(11, "late");
    assertThat(recovery.admitReclaim(11)).isEqualTo(OK);
    time.pass(95, TimeUnit.SECONDS);
    await(recovery.graceOver());
    assertThat(recovery.start()).isTrue();
    assertThat(recovery.admitReclaim(11)).isEqualTo(NO_GRACE);
  }

  @Test
  void holderReclaimsAndGraceEndsWithTheLastOne() throws Exception {
    start();
    holder(1, "a");
    holder(2, "b");
    start();
    assertThat(recovery.inGrace()).isTrue();
    assertThat(recovery.outstandingClients()).isEqualTo(2);
    confirm(11, "a");
    assertThat(recovery.admitReclaim(11)).isEqualTo(OK);
    assertThat(recovery.admitNew(11)).isEqualTo(GRACE);
    await(recovery.reclaimComplete(11));
    assertThat(recovery.admitReclaim(11)).isEqualTo(NO_GRACE);
    assertThat(recovery.admitNew(11)).as("the other one has not reclaimed").isEqualTo(GRACE);
    confirm(12, "b");
    await(recovery.reclaimComplete(12));
    await(recovery.graceOver());
    assertThat(recovery.admitNew(11)).isEqualTo(OK);
    assertThat(recovery.admitNew(12)).isEqualTo(OK);
  }

  @Test
  void strangerReclaimsNothingAndWaits() throws Exception {
    start();
    holder(1, "a");
    start();
    confirm(12, "stranger");
    assertThat(recovery.admitReclaim(12)).isEqualTo(NO_GRACE);
    await(recovery.reclaimComplete(12));
    assertThat(recovery.admitNew(12)).isEqualTo(GRACE);
    assertThat(recovery.inGrace()).isTrue();
  }

  @Test
  void whoIsTooLateCannotReclaimAfterTheNextRestartEither() throws Exception {
    start();
    holder(1, "a");
    holder(2, "late");
    start();
    confirm(11, "a");
    assertThat(recovery.admitReclaim(11)).isEqualTo(OK);
    await(recovery.reclaimComplete(11));
    time.pass(100, TimeUnit.SECONDS);
    await(recovery.graceOver());
    confirm(12, "late");
    assertThat(recovery.admitReclaim(12)).isEqualTo(NO_GRACE);
    start();
    assertThat(recovery.outstandingClients()).isEqualTo(1);
    confirm(22, "late");
    assertThat(recovery.admitReclaim(22)).isEqualTo(NO_GRACE);
    confirm(21, "a");
    assertThat(recovery.admitReclaim(21)).as("it still holds what it reclaimed").isEqualTo(OK);
  }

  @Test
  void crashInTheGracePeriodTakesNothingFromAnybody() throws Exception {
    start();
    holder(1, "a");
    holder(2, "b");
    start();
    confirm(11, "a");
    assertThat(recovery.admitReclaim(11)).isEqualTo(OK);
    await(recovery.reclaimComplete(11));
    start();
    confirm(21, "a");
    confirm(22, "b");
    assertThat(recovery.admitReclaim(21)).isEqualTo(OK);
    assertThat(recovery.admitReclaim(22)).isEqualTo(OK);
  }

  @Test
  void forgottenClientCannotReclaim() throws Exception {
    start();
    holder(1, "expired");
    holder(2, "b");
    await(recovery.forget(1));
    start();
    confirm(11, "expired");
    assertThat(recovery.admitReclaim(11)).isEqualTo(NO_GRACE);
    confirm(12, "b");
    assertThat(recovery.admitReclaim(12)).isEqualTo(OK);
  }

  @Test
  void clientThatReclaimedAndWasTooLateToSaySoIsRememberedAgain() throws Exception {
    start();
    holder(1, "slow");
    start();
    confirm(11, "slow");
    assertThat(recovery.admitReclaim(11)).isEqualTo(OK);
    time.pass(95, TimeUnit.SECONDS);
    await(recovery.graceOver());
    assertThat(recovery.admitNew(11)).isEqualTo(GRACE);
    await(recovery.reclaimComplete(11));
    assertThat(recovery.admitNew(11)).isEqualTo(OK);
    start();
    confirm(21, "slow");
    assertThat(recovery.admitReclaim(21)).isEqualTo(OK);
  }

  @Test
  void graceIsProlongedWhileSomebodyReclaimsButNotForEver() throws Exception {
    start();
    holder(1, "many locks");
    start();
    confirm(11, "many locks");
    time.pass(89, TimeUnit.SECONDS);
    for (int i = 0; i < 180; i++) {
      if (recovery.admitReclaim(11) != OK) {
        break;
      }
      time.pass(500, TimeUnit.MILLISECONDS);
    }
    time.pass(2, TimeUnit.SECONDS);
    await(recovery.graceOver());
    assertThat(time.nanoTime())
        .isBetween(TimeUnit.SECONDS.toNanos(170), TimeUnit.SECONDS.toNanos(182));
  }

  @Test
  void clientThatWasItselfStartedAnewHasNothingToWaitFor() throws Exception {
    start();
    holder(1, "a");
    start();
    recovery.confirmed(11, owner("a"), 2, ALICE);
    assertThat(recovery.admitReclaim(11)).isEqualTo(NO_GRACE);
    await(recovery.graceOver());
    start();
    assertThat(recovery.inGrace()).isFalse();
  }

  @Test
  void anotherUserWithTheSameNameNeitherReclaimsNorEndsTheGracePeriod() throws Exception {
    start();
    holder(1, "a");
    start();
    recovery.confirmed(11, owner("a"), 1, BOB);
    assertThat(recovery.admitReclaim(11)).isEqualTo(NO_GRACE);
    assertThat(recovery.inGrace()).isTrue();
  }

  @Test
  void newIncarnationKeepsItsRecordWhenTheOldOneGoes() throws Exception {
    start();
    holder(1, "a");
    recovery.confirmed(2, owner("a"), 2, ALICE);
    await(recovery.reclaimComplete(2));
    CompletableFuture<Void> put = recovery.remember(2, false).toCompletableFuture();
    await(recovery.forget(1));
    await(put);
    start();
    recovery.confirmed(12, owner("a"), 2, ALICE);
    assertThat(recovery.admitReclaim(12)).isEqualTo(OK);
  }

  @Test
  void oldIncarnationsRecordGoesWithIt() throws Exception {
    start();
    holder(1, "a");
    recovery.confirmed(2, owner("a"), 2, ALICE);
    await(recovery.forget(1));
    start();
    assertThat(recovery.inGrace()).isFalse();
  }

  @Test
  void whoHoldsNothingAnyMoreIsForgottenAndRememberedAgain() throws Exception {
    start();
    holder(1, "a");
    recovery.review(1, () -> true);
    start();
    assertThat(recovery.inGrace()).isTrue();
    confirm(11, "a");
    await(recovery.reclaimComplete(11));
    await(recovery.graceOver());
    recovery.review(11, () -> false);
    await(recovery.remember(11, false));
    recovery.review(11, () -> false);
    await(store.remove(List.of()));
    start();
    assertThat(recovery.inGrace()).isFalse();
  }

  @Test
  void orderlyStopForgetsWhoHoldsNothing() throws Exception {
    start();
    holder(1, "holds");
    holder(2, "holds nothing");
    recovery.stopping(id -> id == 1);
    await(store.remove(List.of()));
    start();
    assertThat(recovery.outstandingClients()).isEqualTo(1);
  }

  @Test
  void withoutARecordThereIsNoState() throws Exception {
    start();
    confirm(1, "a");
    await(recovery.reclaimComplete(1));
    disk.failNext(1);
    assertThat(recovery.remember(1, false).toCompletableFuture())
        .failsWithin(Duration.ofSeconds(30))
        .withThrowableThat()
        .withCauseInstanceOf(ClientStoreException.class);
    CompletableFuture<Void> again = recovery.remember(1, false).toCompletableFuture();
    time.pass(1, TimeUnit.SECONDS);
    while (!again.isDone()) {
      // The writer asks for its retry after it has told of the failure.
      time.pass(1, TimeUnit.SECONDS);
    }
    await(again);
  }

  @Test
  void graceDoesNotEndBeforeTheDiskHasIt() throws Exception {
    start();
    holder(1, "late");
    holder(2, "b");
    start();
    confirm(12, "b");
    await(recovery.reclaimComplete(12));
    disk.failNext(1_000_000);
    time.pass(100, TimeUnit.SECONDS);
    assertThat(recovery.admitNew(12)).isEqualTo(GRACE);
    confirm(11, "late");
    assertThat(recovery.admitReclaim(11)).as("it is ending").isEqualTo(NO_GRACE);
    disk.failNext(0);
    while (recovery.inGrace()) {
      time.pass(1, TimeUnit.SECONDS);
    }
    assertThat(recovery.admitNew(12)).isEqualTo(OK);
  }

  @Test
  void readingWithoutAnOpenWaitsOnlyForThoseWhoDenied() throws Exception {
    start();
    holder(1, "a");
    start();
    assertThat(recovery.admitWithoutOpen(false)).isEqualTo(OK);
    assertThat(recovery.admitWithoutOpen(true)).isEqualTo(GRACE);
    confirm(11, "a");
    await(recovery.reclaimComplete(11));
    await(recovery.graceOver());
    assertThat(recovery.admitWithoutOpen(true)).isEqualTo(OK);
    await(recovery.remember(11, true));
    start();
    assertThat(recovery.admitWithoutOpen(false)).isEqualTo(GRACE);
  }

  @Test
  void commitOfALayoutOfBeforeNeedsTheSameKernel() throws Exception {
    start();
    holder(1, "a");
    start();
    confirm(11, "a");
    assertThat(recovery.admitCommit(11)).isEqualTo(OK);
    boot = "another";
    start();
    confirm(21, "a");
    assertThat(recovery.admitReclaim(21)).isEqualTo(OK);
    assertThat(recovery.admitCommit(21)).isEqualTo(NfsStat4.NFS4ERR_RECLAIM_BAD);
  }
}
