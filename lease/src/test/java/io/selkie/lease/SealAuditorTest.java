package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.FakeKernel.FakeFile;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealOutcome.Sealed;
import io.selkie.posix.FiemapFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Goal: what is granted is watched for as long as it is, in bounded pieces (S2). */
class SealAuditorTest {
  private static final int BLOCK = FakeKernel.BLOCK_BYTES;
  private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final LeaseSettings SETTINGS =
      new LeaseSettings(16, 100, 4, TICK_NANOS, 10, 1000, 3);

  private final FakeRig rig = new FakeRig(SETTINGS, FakeRig.DEADLINES);
  private final SealAuditor auditor = rig.runtime.auditor();

  @Test
  void movedBlocksOfADaxFileAreToldOnce() {
    FakeFile file = rig.written(4).dax();
    Sealed sealed = granted(file);
    rig.time.advance(10 * TICK_NANOS);
    assertThat(rig.recorder.breaks).isEmpty();

    file.move();
    rig.time.advance(10 * TICK_NANOS);

    assertThat(rig.recorder.breaks).hasSize(1);
    var told = rig.recorder.breaks.getFirst();
    assertThat(told.seal()).isSameAs(sealed.seal());
    assertThat(told.cause()).isEqualTo(BreakCause.AUDIT_DIFFERENCE);
    assertThat(told.deadlineNanos()).isEqualTo(told.seenAtNanos());
    assertThat(sealed.seal().state()).isEqualTo(SealState.BREAKING);
    assertThat(auditor.counts().differences()).isEqualTo(1);
  }

  @Test
  void blocksOfACachedFileMayMoveButNotGo() {
    FakeFile file = rig.written(4);
    Sealed sealed = granted(file);
    file.move();
    assertThat(auditor.auditNow(sealed.seal())).isEqualTo(new AuditOutcome.Clean(1, 1));

    file.blocks.remove(2L);
    assertThat(auditor.auditNow(sealed.seal()))
        .isEqualTo(
            new AuditOutcome.Different(
                new MapDifference(new ByteRange(2L * BLOCK, BLOCK), "was allocated, is a hole")));
    assertThat(rig.recorder.breaks).hasSize(1);
  }

  @Test
  void aShorterFileIsADifference() {
    FakeFile file = rig.written(4);
    Sealed sealed = granted(file);
    file.size -= 1;

    assertThat(auditor.auditNow(sealed.seal())).isInstanceOf(AuditOutcome.Different.class);
  }

  @Test
  void onDaxFlagsCountToo() {
    FakeFile file = rig.written(4).dax();
    Sealed sealed = granted(file);
    file.flags(1, FiemapFlags.SHARED);

    assertThat(auditor.auditNow(sealed.seal())).isInstanceOf(AuditOutcome.Different.class);
  }

  @Test
  void whatWasTakenBackMeanwhileIsNoDifference() {
    FakeFile file = rig.written(4).dax();
    Sealed sealed = granted(file);
    rig.fake.beforeFiemap =
        () -> {
          if (sealed.seal().liveHandles() > 0) {
            sealed.seal().removeHandle(sealed.map());
            file.move();
          }
        };

    assertThat(auditor.auditNow(sealed.seal())).isInstanceOf(AuditOutcome.Clean.class);
    assertThat(sealed.seal().state()).isEqualTo(SealState.HELD);
  }

  @Test
  void aSealWithoutHandlesHasNothingToCompare() {
    FakeFile file = rig.written(4).dax();
    Sealed sealed = rig.sealed(file.target(true), Purpose.READ_WRITE, 0, BLOCK);
    file.move();

    assertThat(auditor.auditNow(sealed.seal())).isEqualTo(new AuditOutcome.Clean(0, 0));
    sealed.seal().release();
    assertThat(auditor.auditNow(sealed.seal()))
        .isEqualTo(new AuditOutcome.NotHeld(SealState.RELEASED));
  }

  @Test
  void aPieceOfWorkIsBoundedAndEverySealHasItsTurn() {
    List<FakeFile> files = new ArrayList<>();
    for (int i = 0; i < 25; i++) {
      FakeFile file = rig.written(1).dax();
      files.add(file);
      granted(file);
    }
    long before = auditor.counts().audits();

    rig.time.advance(TICK_NANOS);
    assertThat(auditor.counts().audits() - before).isEqualTo(10);
    rig.time.advance(TICK_NANOS / 3);
    assertThat(auditor.counts().audits() - before).isEqualTo(20);
    rig.time.advance(TICK_NANOS / 3);
    assertThat(auditor.counts().audits() - before).isEqualTo(25);
    assertThat(auditor.counts().passes()).isEqualTo(1);

    files.forEach(FakeFile::move);
    rig.time.advance(4 * TICK_NANOS);
    assertThat(rig.recorder.breaks).hasSize(25);
  }

  @Test
  void aMapThatCannotBeReadAnyMoreVouchesForNothing() {
    FakeFile file = rig.written(4).dax();
    Sealed sealed = granted(file);
    rig.fake.files.remove(file.fd);

    rig.time.advance(2 * TICK_NANOS);
    assertThat(sealed.seal().state()).isEqualTo(SealState.HELD);
    assertThat(auditor.counts().unreadable()).isEqualTo(2);
    rig.time.advance(TICK_NANOS);

    assertThat(sealed.seal().state()).isEqualTo(SealState.BREAKING);
    assertThat(rig.recorder.breaks).hasSize(1);
  }

  @Test
  void afterADifferenceAKernelBreakIsNotToldAgainButItsDeadlineIsWatched() {
    FakeFile file = rig.written(4).dax();
    Sealed sealed = granted(file);
    file.move();
    auditor.auditNow(sealed.seal());
    file.breakLease(io.selkie.posix.LeaseType.NONE);
    rig.runtime.keeper().onSignal(file.fd, rig.time.nanoTime());
    assertThat(rig.recorder.breaks).hasSize(1);

    auditor.close();
    rig.time.advance(TimeUnit.SECONDS.toNanos(46));

    assertThat(sealed.seal().state()).isEqualTo(SealState.LOST);
    assertThat(rig.recorder.lost).containsExactly(1);
  }

  @Test
  void thePaceCanBeChangedWhileItWorks() {
    granted(rig.written(1));
    rig.runtime.reconfigure(FakeRig.DEADLINES, 10 * TICK_NANOS);
    rig.time.advance(TICK_NANOS);
    long before = auditor.counts().audits();

    rig.time.advance(10 * TICK_NANOS);

    assertThat(auditor.counts().audits() - before).isEqualTo(1);
  }

  @Test
  void closingEndsTheWork() {
    granted(rig.written(1));
    rig.time.advance(TICK_NANOS);
    long before = auditor.counts().audits();

    auditor.close();
    rig.time.advance(10 * TICK_NANOS);

    assertThat(auditor.counts().audits()).isEqualTo(before);
    assertThat(rig.time.pending()).isZero();
  }

  private Sealed granted(FakeFile file) {
    Sealed sealed = rig.sealed(file.target(true), Purpose.READ_WRITE, 0, file.size);
    assertThat(sealed.seal().addHandle(sealed.map())).isTrue();
    return sealed;
  }
}
