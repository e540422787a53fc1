package io.selkie.layout.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.LayoutType.PlannedPart;
import io.selkie.lease.BlockMap;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.ByteRange;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/** Whatever the block map: what a plan says of a byte is what the map says of it. */
class RdmaPlanTest {

  private static final int BLOCK = 4096;

  /** A map of so many blocks: 0 a hole, 1 data, 2 unwritten; each block somewhere else. */
  private static BlockMap map(List<Integer> blocks, int firstBlock) {
    List<Extent> extents = new ArrayList<>();
    for (int i = 0; i < blocks.size(); i++) {
      if (blocks.get(i) != 0) {
        long at = (long) (firstBlock + i) * BLOCK;
        extents.add(
            new Extent(at, (1000L + i * 3L) * BLOCK, BLOCK, blocks.get(i) == 2 ? 0x800 : 0));
      }
    }
    return new BlockMap(
        1, new ByteRange((long) firstBlock * BLOCK, (long) blocks.size() * BLOCK), extents);
  }

  @Property
  void planSaysOfEachByteWhatTheMapSays(
      @ForAll @Size(min = 1, max = 40) List<@IntRange(min = 0, max = 2) Integer> blocks,
      @ForAll @IntRange(max = 5) int firstBlock,
      @ForAll boolean exact,
      @ForAll boolean readWrite,
      @ForAll @IntRange(min = 1, max = 6) int regionBlocks,
      @ForAll @IntRange(min = 1, max = 30) int partsMax) {
    BlockMap map = map(blocks, firstBlock);

    List<PlannedPart> parts =
        new RdmaPlan(map, exact, readWrite, (long) regionBlocks * BLOCK).parts(partsMax);

    assertThat(parts).hasSizeLessThanOrEqualTo(partsMax);
    long at = map.range().offset();
    for (PlannedPart part : parts) {
      assertThat(part.range().offset()).as("contiguous").isEqualTo(at);
      assertThat(part.range().length()).isPositive();
      at = part.range().end();
      for (long b = part.range().offset() / BLOCK; b * BLOCK < at; b++) {
        int kind = blocks.get((int) b - firstBlock);
        boolean data = kind == 1 || (kind == 2 && !exact);
        assertThat(part.isHole()).as("block " + b).isEqualTo(!data);
      }
      if (part.isHole()) {
        assertThat(readWrite).isFalse();
      } else {
        assertThat(part.range().length()).isLessThanOrEqualTo((long) regionBlocks * BLOCK);
        assertThat(part.blocks().range()).isEqualTo(part.range());
        assertThat(part.blocks().extents().stream().mapToLong(Extent::length).sum())
            .isEqualTo(part.range().length());
        for (Extent extent : part.blocks().extents()) {
          assertThat(extent.physical())
              .isEqualTo((1000 + (extent.logical() / BLOCK - firstBlock) * 3) * BLOCK);
        }
      }
    }
    assertThat(at).isLessThanOrEqualTo(map.range().end());
    if (parts.size() < partsMax && !readWrite) {
      assertThat(at).as("nothing left out").isEqualTo(map.range().end());
    }
  }
}
