package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.lease.FakeKernel.FakeFile;
import io.selkie.lease.FakeKernel.FakeTarget;
import io.selkie.lease.LeaseEvents.SignalAnomaly;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.LeaseType;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Goal: the seal's life, from both ends: S1 and S4 are asserted, breaks reach the right seal at any
 * moment, and nothing stays behind.
 */
class SealTest {
  private static final int BLOCK = FakeKernel.BLOCK_BYTES;

  private final FakeRig rig = new FakeRig();
  private final FakeFile file = rig.written(8);
  private final FakeTarget target = file.target(true);

  @AfterEach
  void nothingStaysBehind() {
    if (target.retained == 0) {
      assertThat(file.lease).isEqualTo(LeaseType.NONE);
      assertThat(file.mappings).isZero();
      assertThat(rig.runtime.keeper().size()).isZero();
      assertThat(rig.runtime.auditor().watched()).isZero();
    }
  }

  @Test
  void lifeWithoutABreak() {
    var sealed = rig.sealed(target, Purpose.READ_WRITE, BLOCK, 3L * BLOCK);
    Seal seal = sealed.seal();

    assertThat(sealed.map().range()).isEqualTo(new ByteRange(BLOCK, 3L * BLOCK));
    assertThat(sealed.map().extents()).hasSize(1);
    assertThat(seal.state()).isEqualTo(SealState.HELD);
    assertThat(seal.mode()).isEqualTo(SealMode.EXCLUSIVE);
    assertThat(seal.exact()).isFalse();
    assertThat(seal.mapping().byteSize()).isEqualTo(8L * BLOCK);
    assertThat(seal.deadlineNanos()).isEmpty();
    assertThat(file.lease).isEqualTo(LeaseType.WRITE);
    assertThat(file.signal).isEqualTo(40);
    assertThat(file.ownerThread).isEqualTo(4711);
    assertThat(target.retained).isEqualTo(1);

    seal.release();

    assertThat(seal.state()).isEqualTo(SealState.RELEASED);
    assertThat(target.retained).isZero();
    assertThat(rig.recorder.edges)
        .containsExactly(
            "NEW>PREPARING",
            "PREPARING>SEALING",
            "SEALING>VERIFYING",
            "VERIFYING>HELD",
            "HELD>RELEASED");
    seal.release();
    assertThat(target.retained).isZero();
  }

  @Test
  void signalAndOwnerAreSetBeforeEveryLease() {
    for (int i = 0; i < 2; i++) {
      rig.fake.calls.clear();
      Seal seal = rig.sealed(target, Purpose.READ, 0, BLOCK).seal();
      assertThat(rig.fake.calls)
          .containsSubsequence("setLeaseSignal", "setLeaseOwnerThread", "setLease", "fiemap");
      seal.release();
    }
  }

  @Test
  void mapIsReadAfterTheLeaseWasTaken() {
    rig.fake.afterSetLease = file::move;

    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, 8L * BLOCK);

    assertThat(sealed.map().extents().getFirst().physical())
        .isEqualTo(file.blocks.get(0L).physical() * BLOCK);
    sealed.seal().release();
  }

  @Test
  void releaseRefusesWhileAHandleLives() {
    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK);
    Seal seal = sealed.seal();
    assertThat(seal.addHandle(sealed.map())).isTrue();

    assertThatThrownBy(seal::release)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("S1");
    assertThat(file.lease).isEqualTo(LeaseType.WRITE);
    assertThat(seal.state()).isEqualTo(SealState.HELD);

    seal.removeHandle(sealed.map());
    seal.release();
    assertThat(file.lease).isEqualTo(LeaseType.NONE);
  }

  @Test
  void handlesAreCountedOneByOne() {
    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK);
    Seal seal = sealed.seal();
    BlockMap same =
        new BlockMap(sealed.map().device(), sealed.map().range(), sealed.map().extents());
    seal.addHandle(sealed.map());
    seal.addHandle(same);

    seal.removeHandle(sealed.map());
    assertThat(seal.liveHandles()).isEqualTo(1);
    seal.removeHandle(same);
    assertThat(seal.liveHandles()).isZero();
    assertThatThrownBy(() -> seal.removeHandle(same)).isInstanceOf(IllegalStateException.class);
    seal.release();
  }

  @Test
  void noHandleAfterTheBreak() {
    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK);
    file.breakLease(LeaseType.NONE);
    rig.runtime.keeper().onSignal(file.fd, 5);

    assertThat(sealed.seal().addHandle(sealed.map())).isFalse();
    assertThat(sealed.seal().state()).isEqualTo(SealState.BREAKING);
    sealed.seal().release();
    assertThat(sealed.seal().addHandle(sealed.map())).isFalse();
  }

  @Test
  void aHandleCannotReachPastTheMapping() {
    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK);
    var beyond = new BlockMap(1, new ByteRange(7L * BLOCK, 2L * BLOCK), java.util.List.of());

    assertThatThrownBy(() -> sealed.seal().addHandle(beyond))
        .isInstanceOf(IllegalArgumentException.class);
    sealed.seal().release();
  }

  @Test
  void breakIsToldOnceWithItsDeadline() {
    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK);
    long seen = rig.time.nanoTime();
    file.breakLease(LeaseType.READ);

    rig.runtime.keeper().onSignal(file.fd, seen);
    rig.runtime.keeper().onSignal(file.fd, seen + 1);
    rig.runtime.keeper().onSignalsLost(seen + 2);

    long deadline = seen + TimeUnit.SECONDS.toNanos(45);
    assertThat(rig.recorder.breaks)
        .containsExactly(
            new FakeRig.Recorder.Break(
                sealed.seal(), BreakCause.KERNEL_LEASE_BREAK, seen, deadline));
    assertThat(sealed.seal().deadlineNanos()).hasValue(deadline);
    sealed.seal().release();
    assertThat(sealed.seal().state()).isEqualTo(SealState.RELEASED);
  }

  @Test
  void lostSignalsAreFoundByAsking() {
    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK);
    FakeFile other = rig.written(1);
    var quiet = rig.sealed(other.target(true), Purpose.READ, 0, BLOCK);
    file.breakLease(LeaseType.NONE);

    rig.runtime.keeper().onSignalsLost(9);

    assertThat(rig.recorder.breaks)
        .extracting(FakeRig.Recorder.Break::seal)
        .containsExactly(sealed.seal());
    assertThat(quiet.seal().state()).isEqualTo(SealState.HELD);
    sealed.seal().release();
    quiet.seal().release();
  }

  @Test
  void aSignalOfAnEarlierLeaseDoesNotBreakTheNext() {
    rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK).seal().release();
    var next = rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK);

    rig.runtime.keeper().onSignal(file.fd, 5);

    assertThat(next.seal().state()).isEqualTo(SealState.HELD);
    assertThat(rig.recorder.anomalies).containsExactly(SignalAnomaly.STALE);
    next.seal().release();
    rig.runtime.keeper().onSignal(file.fd, 6);
    assertThat(rig.recorder.anomalies).hasSize(2);
  }

  @Test
  void breakWhileVerifyingIsARefusalAndNothingStays() {
    rig.fake.afterSetLease =
        () -> {
          file.breakLease(LeaseType.NONE);
          rig.runtime.keeper().onSignal(file.fd, 5);
        };

    var refusal = rig.refused(target, Purpose.READ_WRITE, 0, BLOCK);

    assertThat(refusal.reason()).isEqualTo(Sealer.Refusal.Reason.BREAKING);
    assertThat(rig.recorder.breaks).isEmpty();
    assertThat(rig.recorder.edges).last().isEqualTo("VERIFYING>LOST");
    assertThat(target.retained).isZero();
  }

  @Test
  void breakWhoseSignalIsStillOnItsWayIsSeenToo() {
    rig.fake.afterSetLease = () -> file.breakLease(LeaseType.NONE);

    assertThat(rig.refused(target, Purpose.READ_WRITE, 0, BLOCK).reason())
        .isEqualTo(Sealer.Refusal.Reason.BREAKING);
    assertThat(target.retained).isZero();
  }

  @Test
  void leaseTakenByTheKernelIsLostAndSaidSo() {
    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK);
    sealed.seal().addHandle(sealed.map());
    file.breakLease(LeaseType.NONE);
    rig.runtime.keeper().onSignal(file.fd, rig.time.nanoTime());

    rig.time.advance(TimeUnit.SECONDS.toNanos(44));
    assertThat(sealed.seal().state()).isEqualTo(SealState.BREAKING);
    rig.time.advance(TimeUnit.SECONDS.toNanos(2));

    assertThat(sealed.seal().state()).isEqualTo(SealState.LOST);
    assertThat(rig.recorder.lost).containsExactly(1);
    sealed.seal().removeHandle(sealed.map());
    sealed.seal().release();
    assertThat(sealed.seal().state()).isEqualTo(SealState.LOST);
    assertThat(target.retained).isZero();
  }

  @Test
  void releaseInTimeCancelsTheWatchOnTheDeadline() {
    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK);
    int before = rig.time.pending();
    file.breakLease(LeaseType.NONE);
    rig.runtime.keeper().onSignal(file.fd, rig.time.nanoTime());
    assertThat(rig.time.pending()).isEqualTo(before + 1);

    sealed.seal().release();

    assertThat(rig.time.pending()).isEqualTo(before);
    assertThat(rig.recorder.lost).isEmpty();
  }

  @Test
  void aKernelThatWaitsForEverTakesNothing() {
    var patient =
        new FakeRig(LeaseSettings.defaults(), new LeaseDeadlines(0, 1_000_000_000L, 1_000, 1));
    FakeFile asked = patient.written(1);
    var sealed = patient.sealed(asked.target(true), Purpose.READ_WRITE, 0, BLOCK);
    asked.breakLease(LeaseType.NONE);
    patient.runtime.keeper().onSignal(asked.fd, patient.time.nanoTime());

    patient.time.advance(TimeUnit.HOURS.toNanos(1));

    assertThat(sealed.seal().state()).isEqualTo(SealState.BREAKING);
    sealed.seal().release();
    assertThat(sealed.seal().state()).isEqualTo(SealState.RELEASED);
  }

  @Test
  void aListenerThatThrowsIsReportedAndTheSealStaysBreaking() {
    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK);
    rig.recorder.toThrow = new IllegalArgumentException("listener");
    file.breakLease(LeaseType.NONE);

    rig.runtime.keeper().onSignal(file.fd, 5);

    assertThat(rig.recorder.failures).containsExactly(rig.recorder.toThrow);
    assertThat(sealed.seal().state()).isEqualTo(SealState.BREAKING);
    sealed.seal().release();
  }

  @Test
  void memoryCannotBeTouchedAfterRelease() {
    Seal seal = rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK).seal();
    var mapping = seal.mapping();
    mapping.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 0, (byte) 1);

    seal.release();

    assertThatThrownBy(() -> mapping.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
    assertThat(seal.flush(new ByteRange(0, BLOCK))).isNegative();
  }

  @Test
  void aReadOnlyDescriptionIsMappedReadOnly() {
    FakeTarget readOnly = file.target(false);
    Seal seal = rig.sealed(readOnly, Purpose.READ, 0, BLOCK).seal();

    assertThat(seal.mapping().isReadOnly()).isTrue();
    assertThat(seal.mode()).isEqualTo(SealMode.SHARED);
    assertThat(file.lease).isEqualTo(LeaseType.READ);
    seal.release();
  }

  @Test
  void oneDescriptionCarriesOneSeal() {
    Seal seal = rig.sealed(target, Purpose.READ, 0, BLOCK).seal();

    assertThatThrownBy(() -> rig.seal(target, Purpose.READ, 0, BLOCK))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("S1");
    assertThat(seal.state()).isEqualTo(SealState.HELD);
    assertThat(file.lease).isEqualTo(LeaseType.WRITE);
    assertThat(target.retained).isEqualTo(1);
    seal.release();
  }

  @Test
  void aFileThatIsInUseIsRefused() {
    file.otherOpeners = 1;

    var refusal = rig.refused(target, Purpose.READ_WRITE, 0, BLOCK);

    assertThat(refusal.reason()).isEqualTo(Sealer.Refusal.Reason.IN_USE);
    assertThat(refusal.message()).contains("F_SETLEASE").contains(target.describe());
    assertThat(rig.recorder.refusals).containsExactly(refusal);
    assertThat(target.retained).isZero();
  }

  @Test
  void extensionIsRefusedOnceTheSealBreaks() {
    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, BLOCK);
    file.breakLease(LeaseType.NONE);
    rig.runtime.keeper().onSignal(file.fd, 5);

    SealOutcome outcome =
        rig.runtime.sealer().extend(sealed.seal(), Purpose.READ, new ByteRange(BLOCK, BLOCK));

    assertThat(outcome)
        .isInstanceOfSatisfying(
            SealOutcome.Refused.class,
            refused ->
                assertThat(refused.refusal().reason()).isEqualTo(Sealer.Refusal.Reason.BREAKING));
    sealed.seal().release();
    assertThat(target.retained).isZero();
  }
}
