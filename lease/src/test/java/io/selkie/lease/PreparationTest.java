package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.FakeKernel.FakeFile;
import io.selkie.lease.FakeKernel.FakeTarget;
import io.selkie.lease.Sealer.Preparation;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.FiemapFlags;
import io.selkie.posix.FileStatus;
import io.selkie.posix.LeaseType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: what is granted is fit for it, what cannot be made fit is refused with its reason, and
 * nothing that was not a hole or unwritten is touched.
 */
class PreparationTest {
  private static final int BLOCK = FakeKernel.BLOCK_BYTES;
  private static final ByteRange ALL = new ByteRange(0, 8L * BLOCK);

  private final FakeRig rig = new FakeRig();

  @Test
  void readingLeavesHolesAlone() {
    FakeFile file = rig.fake.file(8L * BLOCK).allocate(2, 2, 0);

    var sealed = rig.sealed(file.target(true), Purpose.READ, 0, 8L * BLOCK);

    assertThat(sealed.map().holes())
        .containsExactly(new ByteRange(0, 2L * BLOCK), new ByteRange(4L * BLOCK, 4L * BLOCK));
    assertThat(file.blocks).hasSize(2);
    assertThat(rig.fake.calls).doesNotContain("fallocate", "fsync");
  }

  @Test
  void behindAPageCacheWritingNeedsAllocationAndNoMore() {
    FakeFile file = rig.fake.file(8L * BLOCK).allocate(2, 2, 0);

    var sealed = rig.sealed(file.target(true), Purpose.READ_WRITE, BLOCK, 4L * BLOCK);

    assertThat(sealed.map().holes()).isEmpty();
    assertThat(sealed.map().extents()).anyMatch(BlockMap.Extent::unwritten);
    assertThat(file.blocks.keySet()).containsExactly(1L, 2L, 3L, 4L);
    assertThat(file.size).isEqualTo(8L * BLOCK);
    assertThat(sealed.seal().exact()).isFalse();
  }

  @Test
  void onDaxEverythingIsWrittenAndOnDiskBeforeItIsGranted() {
    FakeFile file = rig.fake.file(8L * BLOCK).dax().allocate(2, 2, 0);

    var sealed = rig.sealed(file.target(true), Purpose.READ_WRITE, 0, 8L * BLOCK);

    assertThat(sealed.seal().exact()).isTrue();
    assertThat(sealed.map().holes()).isEmpty();
    assertThat(sealed.map().extents()).noneMatch(BlockMap.Extent::unwritten);
    assertThat(rig.fake.calls)
        .containsSubsequence("fallocate", "setLease", "mmap", "fsync", "fiemap");
  }

  @Test
  void onDaxSharedBlocksAreUnshared() {
    FakeFile file = rig.fake.file(8L * BLOCK).dax().allocate(0, 8, 0);
    file.flags(3, FiemapFlags.SHARED);
    long shared = file.blocks.get(3L).physical();

    var sealed = rig.sealed(file.target(true), Purpose.READ_WRITE, 0, 8L * BLOCK);

    assertThat(file.blocks.get(3L).physical()).isNotEqualTo(shared);
    assertThat(sealed.map().extents()).noneMatch(BlockMap.Extent::shared);
  }

  @Test
  void whatCannotBeUnsharedIsRefusedOnDaxOnly() {
    rig.fake.unshares = false;
    FakeFile dax = rig.fake.file(8L * BLOCK).dax().allocate(0, 8, FiemapFlags.SHARED);
    FakeFile cached = rig.fake.file(8L * BLOCK).allocate(0, 8, FiemapFlags.SHARED);

    var refusal = rig.refused(dax.target(true), Purpose.READ_WRITE, 0, BLOCK);

    assertThat(refusal.reason()).isEqualTo(Reason.UNSUITABLE_EXTENTS);
    assertThat(refusal.message()).contains("shared").contains("reflink");
    assertThat(rig.seal(cached.target(true), Purpose.READ_WRITE, 0, BLOCK))
        .isInstanceOf(SealOutcome.Sealed.class);
  }

  @Test
  void aReadOfSharedAndUnwrittenBlocksIsGrantedAsItIs() {
    FakeFile file = rig.fake.file(8L * BLOCK).dax().allocate(0, 4, FiemapFlags.SHARED);
    file.allocate(4, 2, FiemapFlags.UNWRITTEN);

    var sealed = rig.sealed(file.target(true), Purpose.READ, 0, 8L * BLOCK);

    assertThat(sealed.map().extents()).hasSize(2);
    assertThat(sealed.map().holes()).hasSize(1);
    assertThat(rig.fake.calls).doesNotContain("fallocate", "fsync");
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        FiemapFlags.ENCODED,
        FiemapFlags.ENCODED | FiemapFlags.DATA_ENCRYPTED,
        FiemapFlags.NOT_ALIGNED,
        FiemapFlags.DATA_INLINE,
        FiemapFlags.DATA_TAIL
      })
  void onDaxDataWithoutAPlaceIsRefused(int flags) {
    FakeFile file = rig.fake.file(8L * BLOCK).dax().allocate(0, 8, flags);

    for (Purpose purpose : Purpose.values()) {
      FakeTarget target = file.target(true);
      var refusal = rig.refused(target, purpose, 0, BLOCK);
      assertThat(refusal.reason()).isEqualTo(Reason.UNSUITABLE_EXTENTS);
      assertThat(refusal.message()).contains(ExtentRules.names(flags));
      assertThat(target.retained).isZero();
    }
  }

  @Test
  void behindAPageCacheOnlyWritingMindsHowDataIsKept() {
    FakeFile inline = rig.fake.file(BLOCK).allocate(0, 1, FiemapFlags.DATA_INLINE);
    FakeFile compressed = rig.fake.file(BLOCK).allocate(0, 1, FiemapFlags.ENCODED);

    assertThat(rig.refused(inline.target(true), Purpose.READ_WRITE, 0, BLOCK).reason())
        .isEqualTo(Reason.UNSUITABLE_EXTENTS);
    assertThat(rig.seal(inline.target(true), Purpose.READ, 0, BLOCK))
        .isInstanceOf(SealOutcome.Sealed.class);
    assertThat(rig.seal(compressed.target(true), Purpose.READ_WRITE, 0, BLOCK))
        .isInstanceOf(SealOutcome.Sealed.class);
  }

  @Test
  void delayedBlocksGetTheirPlaceByWritingBack() {
    FakeFile file =
        rig.fake.file(BLOCK).dax().allocate(0, 1, FiemapFlags.DELALLOC | FiemapFlags.UNKNOWN);

    var sealed = rig.sealed(file.target(true), Purpose.READ, 0, BLOCK);

    assertThat(sealed.map().extents().getFirst().located()).isTrue();
    assertThat(file.syncs).isEqualTo(1);
  }

  @Test
  void dataThatOutgrewItsInodeGetsBlocksByWritingBackAndElseIsRefused() {
    int inline = FiemapFlags.DATA_INLINE | FiemapFlags.NOT_ALIGNED;
    for (boolean outgrown : new boolean[] {true, false}) {
      FakeFile file = rig.fake.file(8L * BLOCK).allocate(0, 1, inline);
      file.outgrewInode = outgrown;

      SealOutcome outcome = rig.seal(file.target(true), Purpose.READ_WRITE, 0, 8L * BLOCK);

      assertThat(outcome instanceof SealOutcome.Sealed).isEqualTo(outgrown);
      assertThat(file.syncs).isEqualTo(1);
    }
    FakeFile small = rig.fake.file(60).allocate(0, 1, inline);
    assertThat(rig.refused(small.target(true), Purpose.READ_WRITE, 0, 60).reason())
        .isEqualTo(Reason.UNSUITABLE_EXTENTS);
    assertThat(small.syncs).as("a file that lives in its inode").isZero();
  }

  @Test
  void aFullDiskRefusesAndLeavesTheRestAsItWas() {
    FakeFile file = rig.written(2);
    file.size = 8L * BLOCK;
    FakeTarget target = file.target(true);
    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, 2L * BLOCK);
    sealed.seal().addHandle(sealed.map());
    rig.fake.freeBlocks = 3;

    SealOutcome outcome = rig.runtime.sealer().extend(sealed.seal(), Purpose.READ_WRITE, ALL);

    assertThat(outcome)
        .isInstanceOfSatisfying(
            SealOutcome.Refused.class,
            refused -> assertThat(refused.refusal().reason()).isEqualTo(Reason.NO_SPACE));
    assertThat(sealed.seal().state()).isEqualTo(SealState.HELD);
    assertThat(rig.runtime.auditor().auditNow(sealed.seal()))
        .isInstanceOf(AuditOutcome.Clean.class);
    sealed.seal().removeHandle(sealed.map());
    sealed.seal().release();
    assertThat(target.retained).isZero();
  }

  @Test
  void aFullDiskAtTheFirstSealLeavesNothingBehind() {
    FakeTarget target = rig.fake.file(8L * BLOCK).target(true);
    rig.fake.freeBlocks = 3;

    assertThat(rig.refused(target, Purpose.READ_WRITE, 0, 8L * BLOCK).reason())
        .isEqualTo(Reason.NO_SPACE);
    assertThat(target.retained).isZero();
    assertThat(target.file.mappings).isZero();
    assertThat(target.file.lease).isEqualTo(LeaseType.NONE);
  }

  @Test
  void ofASparseFileOnlyTheWindowIsAllocated() {
    FakeFile file = rig.fake.file(1L << 40).allocate(1, 1, 0);

    var sealed = prepared(file, new ByteRange(0, 1L << 40), 1, 4);

    assertThat(sealed.map().range()).isEqualTo(new ByteRange(0, 4L * BLOCK));
    assertThat(sealed.map().holes()).isEmpty();
    assertThat(file.blocks.keySet()).containsExactly(0L, 1L, 2L, 3L);
  }

  @Test
  void whatIsAllocatedAlreadyIsGrantedBeyondTheWindow() {
    FakeFile whole = rig.fake.file(8L * BLOCK).allocate(0, 8, FiemapFlags.UNWRITTEN);
    FakeFile holed = rig.fake.file(8L * BLOCK).allocate(1, 5, 0);

    assertThat(prepared(whole, ALL, 1, 2).map().range()).isEqualTo(ALL);
    assertThat(prepared(holed, ALL, 1, 2).map().range()).isEqualTo(new ByteRange(0, 6L * BLOCK));
    assertThat(whole.blocks).hasSize(8);
    assertThat(holed.blocks).hasSize(6);
  }

  @Test
  void onDaxUnwrittenBlocksBeyondTheWindowAreNotWritten() {
    FakeFile file = rig.fake.file(8L * BLOCK).dax().allocate(0, 8, FiemapFlags.UNWRITTEN);

    var sealed = prepared(file, ALL, 1, 2);

    assertThat(sealed.map().range()).isEqualTo(new ByteRange(0, 2L * BLOCK));
    assertThat(file.blocks.values()).filteredOn(b -> b.flags() == 0).hasSize(2);
  }

  @Test
  void atMostAnEighthOfTheFreeSpaceIsAllocatedAhead() {
    FakeFile file = rig.fake.file(1L << 40);
    rig.fake.freeBlocks = 82;

    var sealed = prepared(file, new ByteRange(0, 1L << 40), 2, 64);

    assertThat(sealed.map().range().length()).isBetween(2L * BLOCK, 24L * BLOCK);
    assertThat(rig.fake.freeBlocks).isGreaterThanOrEqualTo(60);
  }

  @Test
  void onAFullDiskTheLeastIsStillGrantedAndNothingElseIsTaken() {
    FakeFile file = rig.fake.file(1L << 40);
    rig.fake.freeBlocks = 3;

    var sealed = prepared(file, new ByteRange(0, 1L << 40), 3, 64);

    assertThat(sealed.map().range().length()).isEqualTo(3L * BLOCK);
  }

  @Test
  void whatDoesNotFitLeavesNoBlockBehind() {
    FakeFile file = rig.fake.file(8L * BLOCK);
    rig.fake.freeBlocks = 3;

    assertThat(rig.refused(file.target(true), Purpose.READ_WRITE, 0, 8L * BLOCK).reason())
        .isEqualTo(Reason.NO_SPACE);
    assertThat(file.blocks).isEmpty();
    assertThat(rig.fake.freeBlocks).isEqualTo(3);
  }

  private SealOutcome.Sealed prepared(FakeFile file, ByteRange range, int least, int window) {
    var preparation = new Preparation((long) least * BLOCK, (long) window * BLOCK);
    return (SealOutcome.Sealed)
        rig.runtime
            .sealer()
            .seal(file.target(true), Purpose.READ_WRITE, range, preparation, rig.recorder);
  }

  @Test
  void holesPunchedAgainAndAgainEndInARefusal() {
    FakeFile file = rig.fake.file(8L * BLOCK);
    rig.fake.beforeFiemap = file.blocks::clear;

    assertThat(rig.refused(file.target(true), Purpose.READ_WRITE, 0, BLOCK).reason())
        .isEqualTo(Reason.MAP_CHANGED);
  }

  @Test
  void aHolePunchedJustBeforeTheLeaseIsFilledUnderIt() {
    FakeFile file = rig.written(8);
    rig.fake.afterSetLease = file.blocks::clear;

    assertThat(rig.sealed(file.target(true), Purpose.READ_WRITE, 0, 8L * BLOCK).map().holes())
        .isEmpty();
  }

  @Test
  void theRangeEndsWithTheFile() {
    FakeFile file = rig.fake.file(5000).allocate(0, 2, 0);
    FakeTarget target = file.target(true);

    var sealed = rig.sealed(target, Purpose.READ_WRITE, 4096, Long.MAX_VALUE - 4096);
    assertThat(sealed.map().range()).isEqualTo(new ByteRange(4096, 904));
    assertThat(sealed.seal().mapping().byteSize()).isEqualTo(5000);
    sealed.seal().release();

    assertThat(rig.refused(target, Purpose.READ, 5000, 1).reason()).isEqualTo(Reason.PAST_END);
  }

  @Test
  void onlyRegularFilesAreSealed() {
    FakeFile file = rig.fake.file(5000);
    file.type = FileStatus.TYPE_DIRECTORY;

    assertThat(rig.refused(file.target(false), Purpose.READ, 0, 1).reason())
        .isEqualTo(Reason.NOT_REGULAR);
  }

  @Test
  void writingNeedsAWritableDescription() {
    assertThat(rig.refused(rig.written(1).target(false), Purpose.READ_WRITE, 0, 1).reason())
        .isEqualTo(Reason.NOT_PERMITTED);
  }

  @Test
  void aDaxFileWhereReflinkIsPossibleIsSealedExclusivelyEvenForReading() {
    FakeFile file = rig.written(1).dax();

    rig.fake.fileSystemMagic = 0x58465342L;
    var onXfs = rig.sealed(file.target(false), Purpose.READ, 0, BLOCK);
    assertThat(onXfs.seal().mode()).isEqualTo(SealMode.EXCLUSIVE);
    onXfs.seal().release();

    rig.fake.fileSystemMagic = 0xEF53L;
    var onExt4 = rig.sealed(file.target(false), Purpose.READ, 0, BLOCK);
    assertThat(onExt4.seal().mode()).isEqualTo(SealMode.SHARED);
    onExt4.seal().release();
  }

  @Test
  void reflinkIsAskedOncePerDeviceAndOnlyThroughAWritableDescription() {
    rig.fake.fileSystemMagic = 0x58465342L;
    rig.fake.reflink = false;
    FakeFile file = rig.written(1);
    FileProbes probes = rig.runtime.probes();

    assertThat(probes.reflink(file.fd, 5, false).answer()).isEqualTo(Probe.Answer.UNKNOWN);
    assertThat(probes.reflink(file.fd, 5, true).isNo()).isTrue();
    rig.fake.reflink = true;
    assertThat(probes.reflink(file.fd, 5, false).isNo()).isTrue();
    assertThat(probes.reflink(file.fd, 6, true).isYes()).isTrue();
  }

  @Test
  void extensionMapsAFileThatHasGrown() {
    FakeFile file = rig.written(2);
    FakeTarget target = file.target(true);
    var sealed = rig.sealed(target, Purpose.READ_WRITE, 0, 2L * BLOCK);
    var first = sealed.seal().mapping();
    file.size = 40L * BLOCK;

    var more =
        (SealOutcome.Sealed)
            rig.runtime
                .sealer()
                .extend(sealed.seal(), Purpose.READ_WRITE, new ByteRange(2L * BLOCK, 38L * BLOCK));

    assertThat(more.seal()).isSameAs(sealed.seal());
    assertThat(more.map().holes()).isEmpty();
    assertThat(sealed.seal().mapping().byteSize()).isEqualTo(40L * BLOCK);
    assertThat(first.scope().isAlive()).isTrue();
    assertThat(file.mappings).isEqualTo(2);
    sealed.seal().release();
    assertThat(file.mappings).isZero();
    assertThat(first.scope().isAlive()).isFalse();
  }

  @Test
  void onDaxAGrantedHoleIsNotFilledByAnExtension() {
    FakeFile file = rig.fake.file(8L * BLOCK).dax().allocate(0, 2, 0);
    var sealed = rig.sealed(file.target(true), Purpose.READ, 0, 8L * BLOCK);
    sealed.seal().addHandle(sealed.map());

    SealOutcome outcome = rig.runtime.sealer().extend(sealed.seal(), Purpose.READ_WRITE, ALL);

    assertThat(outcome)
        .isInstanceOfSatisfying(
            SealOutcome.Refused.class,
            refused -> assertThat(refused.refusal().reason()).isEqualTo(Reason.HOLE_GRANTED));
    assertThat(file.blocks).hasSize(2);
    sealed.seal().removeHandle(sealed.map());
    assertThat(rig.runtime.sealer().extend(sealed.seal(), Purpose.READ_WRITE, ALL))
        .isInstanceOf(SealOutcome.Sealed.class);
  }

  @Test
  void extensionFindsThatWhatWasGrantedHasChanged() {
    FakeFile file = rig.written(8).dax();
    var sealed = rig.sealed(file.target(true), Purpose.READ_WRITE, 0, 2L * BLOCK);
    sealed.seal().addHandle(sealed.map());
    file.move();

    SealOutcome outcome = rig.runtime.sealer().extend(sealed.seal(), Purpose.READ, ALL);

    assertThat(outcome)
        .isInstanceOfSatisfying(
            SealOutcome.Refused.class,
            refused -> assertThat(refused.refusal().reason()).isEqualTo(Reason.MAP_CHANGED));
    assertThat(rig.recorder.breaks)
        .extracting(FakeRig.Recorder.Break::cause)
        .containsExactly(Sealer.BreakCause.AUDIT_DIFFERENCE);
  }
}
