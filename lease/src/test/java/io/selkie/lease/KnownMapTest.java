package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.FakeKernel.FakeFile;
import io.selkie.lease.FakeKernel.FakeTarget;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.lease.Sealer.SealOutcome.Sealed;
import io.selkie.posix.FiemapFlags;
import org.junit.jupiter.api.Test;

/**
 * Goal: where blocks count a map is read once under a seal, until it is said that it may have
 * changed, and it tells of all that was written through the server before (S2).
 */
class KnownMapTest {
  private static final int BLOCK = FakeKernel.BLOCK_BYTES;

  private final FakeRig rig = new FakeRig();

  private Sealed extended(Seal seal, Purpose purpose, long fromBlock, long blocks) {
    SealOutcome outcome =
        rig.runtime
            .sealer()
            .extend(seal, purpose, new ByteRange(fromBlock * BLOCK, blocks * BLOCK));
    assertThat(outcome).isInstanceOf(Sealed.class);
    return (Sealed) outcome;
  }

  @Test
  void whatWasReadUnderTheSealIsNotReadAgain() {
    FakeFile file = rig.written(8).dax();
    Sealed sealed = rig.sealed(file.target(true), Purpose.READ, 0, 8L * BLOCK);
    rig.fake.calls.clear();

    BlockMap part = extended(sealed.seal(), Purpose.READ_WRITE, 2, 3).map();

    assertThat(part).isEqualTo(sealed.map().clip(part.range()));
    assertThat(part.range()).isEqualTo(new ByteRange(2L * BLOCK, 3L * BLOCK));
    assertThat(rig.fake.calls).doesNotContain("fiemap");
    sealed.seal().release();
  }

  @Test
  void whatMayHaveChangedIsReadAnew() {
    FakeFile file = rig.written(8).dax();
    Seal seal = rig.sealed(file.target(true), Purpose.READ, 0, 8L * BLOCK).seal();
    file.move();
    seal.forgetMap();

    BlockMap now = extended(seal, Purpose.READ, 0, 8).map();

    assertThat(now.extents().getFirst().physical())
        .isEqualTo(file.blocks.get(0L).physical() * BLOCK);
    seal.release();
  }

  @Test
  void whatIsKnownToBeUnfitForWritingIsPreparedAndThenKnown() {
    FakeFile file = rig.fake.file(8L * BLOCK).allocate(0, 4, 0).dax();
    Seal seal = rig.sealed(file.target(true), Purpose.READ, 0, 8L * BLOCK).seal();

    assertThat(extended(seal, Purpose.READ_WRITE, 0, 8).map().holes()).isEmpty();
    rig.fake.calls.clear();
    assertThat(extended(seal, Purpose.READ, 0, 8).map().holes()).isEmpty();

    assertThat(rig.fake.calls).doesNotContain("fiemap");
    seal.release();
  }

  /** Clients go to the blocks, and the server's writes wait before them. */
  @Test
  void whatWaitsInThePageCacheIsWrittenBackBeforeTheBlocksAreToldOf() {
    rig.runtime.reached(_ -> true);
    FakeFile file = rig.fake.file(8L * BLOCK).allocate(0, 8, FiemapFlags.UNWRITTEN);
    file.dirty.add(1L);
    FakeTarget target = file.target(true);
    Sealed sealed = rig.sealed(target, Purpose.READ, 0, 4L * BLOCK);
    assertThat(unwritten(sealed.map())).isEqualTo(3L * BLOCK);

    file.dirty.add(5L);
    sealed.seal().forgetMap();

    BlockMap now = extended(sealed.seal(), Purpose.READ, 4, 4).map();
    assertThat(unwritten(now)).isEqualTo(3L * BLOCK);
    sealed.seal().release();
  }

  private static long unwritten(BlockMap map) {
    return map.extents().stream()
        .filter(BlockMap.Extent::unwritten)
        .mapToLong(BlockMap.Extent::length)
        .sum();
  }
}
