package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.lease.BlockMap.Extent;
import io.selkie.posix.FiemapFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/**
 * Goal: comparing and clipping say the same as looking at every byte would.
 *
 * <p>Method: maps of a small file, described block by block, and cut into extents in different
 * ways.
 */
class BlockMapTest {
  private static final int BLOCKS = 24;
  private static final int BLOCK_BYTES = 16;
  private static final ByteRange WHOLE = new ByteRange(0, BLOCKS * BLOCK_BYTES);

  /** What lies in a block: nothing, or a place with flags. */
  record Content(long physical, int flags) {
    static final Content HOLE = new Content(-1, 0);
  }

  /** A map and where its extents are cut although they need not be. */
  record Drawn(List<Content> blocks, List<Boolean> cuts) {
    BlockMap map() {
      return mapOf(blocks, cuts);
    }
  }

  @Property
  void howExtentsAreCutIsNoDifference(@ForAll("drawn") Drawn drawn) {
    BlockMap cutAnywhere = drawn.map();
    BlockMap merged = cutAnywhere.normalised();

    assertThat(MapDifference.exact(cutAnywhere, merged)).isEmpty();
    assertThat(MapDifference.exact(merged, cutAnywhere)).isEmpty();
    assertThat(merged).isEqualTo(mapOf(drawn.blocks, noCuts()).normalised());
  }

  @Property
  void everyChangedBlockIsFoundWhereItIs(
      @ForAll("drawn") Drawn drawn,
      @ForAll @IntRange(min = 0, max = BLOCKS - 1) int block,
      @ForAll("content") Content content) {
    List<Content> changed = new ArrayList<>(drawn.blocks);
    Content before = changed.set(block, content);

    Optional<MapDifference> difference =
        MapDifference.exact(drawn.map(), mapOf(changed, drawn.cuts));

    assertThat(difference.isPresent()).isEqualTo(!isStillTrue(before, content));
    difference.ifPresent(it ->
        assertThat(it.where().overlaps(new ByteRange((long) block * BLOCK_BYTES, BLOCK_BYTES)))
            .isTrue());
  }

  @Property
  void pageCacheRuleMindsOnlyWhatIsGone(
      @ForAll("drawn") Drawn granted, @ForAll("drawn") Drawn now) {
    boolean gone = false;
    for (int i = 0; i < BLOCKS; i++) {
      gone |= !granted.blocks.get(i).equals(Content.HOLE) && now.blocks.get(i).equals(Content.HOLE);
    }

    assertThat(MapDifference.pageCache(granted.map(), now.map(), WHOLE.length()).isPresent())
        .isEqualTo(gone);
  }

  @Property
  void pageCacheRuleMindsTheEndOfFile(
      @ForAll("drawn") Drawn drawn,
      @ForAll @IntRange(min = 0, max = BLOCKS * BLOCK_BYTES + 50) int fileSize) {
    BlockMap map = drawn.map();

    assertThat(MapDifference.pageCache(map, map, fileSize).isPresent())
        .isEqualTo(fileSize < WHOLE.length());
  }

  @Property
  void clippingKeepsEveryByteInPlace(
      @ForAll("drawn") Drawn drawn,
      @ForAll @IntRange(min = 0, max = BLOCKS * BLOCK_BYTES) int from,
      @ForAll @IntRange(min = 0, max = BLOCKS * BLOCK_BYTES) int length) {
    BlockMap whole = drawn.map();

    BlockMap part = whole.clip(new ByteRange(from, length));

    assertThat(part.range().end()).isEqualTo(Math.min(from + length, WHOLE.end()));
    for (long at = part.range().offset(); at < part.range().end(); at++) {
      assertThat(contentAt(part, at)).isEqualTo(contentAt(whole, at));
    }
    assertThat(MapDifference.exact(part, whole)).isEmpty();
    assertThat(part.allocatedBytes() + part.holes().stream().mapToLong(ByteRange::length).sum())
        .isEqualTo(part.range().length());
  }

  @Test
  void nextToNothingIsLostAtTheEdgesOfTheNumbers() {
    var last = new Extent(Long.MAX_VALUE - 4096, 0, 4096, 0);
    var map = new BlockMap(1, new ByteRange(0, Long.MAX_VALUE), List.of(last));

    assertThat(map.holes()).containsExactly(new ByteRange(0, Long.MAX_VALUE - 4096));
    assertThat(MapDifference.exact(map, map)).isEmpty();
    assertThatThrownBy(() -> new Extent(Long.MAX_VALUE - 4095, 0, 4096, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void overlappingExtentsAreRefused() {
    var extents = List.of(new Extent(0, 0, 32, 0), new Extent(16, 64, 16, 0));

    assertThatThrownBy(() -> new BlockMap(1, WHOLE, extents))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void anotherDeviceIsADifference() {
    var extents = List.of(new Extent(0, 0, 32, 0));

    assertThat(
            MapDifference.exact(new BlockMap(1, WHOLE, extents), new BlockMap(2, WHOLE, extents)))
        .isPresent();
  }

  @Test
  void blocksMayStopButNotBeginToBeShared() {
    var alone = new BlockMap(1, WHOLE, List.of(new Extent(0, 512, WHOLE.length(), 0)));
    var shared =
        new BlockMap(1, WHOLE, List.of(new Extent(0, 512, WHOLE.length(), FiemapFlags.SHARED)));

    assertThat(MapDifference.exact(shared, alone)).isEmpty();
    assertThat(MapDifference.exact(alone, shared)).isPresent();
  }

  @Test
  void lastAndMergedSayNothingAboutTheExtent() {
    var plain = new BlockMap(1, WHOLE, List.of(new Extent(0, 512, WHOLE.length(), 0)));
    var marked =
        new BlockMap(
            1,
            WHOLE,
            List.of(new Extent(0, 512, WHOLE.length(), FiemapFlags.LAST | FiemapFlags.MERGED)));

    assertThat(MapDifference.exact(plain, marked)).isEmpty();
    assertThat(MapDifference.exact(marked, plain)).isEmpty();
  }

  @Test
  void aMapOfLessThanWasGrantedCannotBeCompared() {
    var whole = new BlockMap(1, WHOLE, List.of());
    var part = whole.clip(new ByteRange(0, 16));

    assertThatThrownBy(() -> MapDifference.exact(whole, part))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Provide
  Arbitrary<Drawn> drawn() {
    return Combinators.combine(
            content().list().ofSize(BLOCKS), Arbitraries.of(true, false).list().ofSize(BLOCKS))
        .as(Drawn::new);
  }

  /** Few places, so that blocks often follow each other, and few flags. */
  @Provide
  Arbitrary<Content> content() {
    return Arbitraries.frequencyOf(
        net.jqwik.api.Tuple.of(1, Arbitraries.just(Content.HOLE)),
        net.jqwik.api.Tuple.of(
            3,
            Combinators.combine(
                    Arbitraries.integers().between(0, 6),
                    Arbitraries.of(0, 0, 0, FiemapFlags.UNWRITTEN, FiemapFlags.SHARED))
                .as((place, flags) -> new Content(place, flags))));
  }

  private static List<Boolean> noCuts() {
    return java.util.Collections.nCopies(BLOCKS, false);
  }

  /** The place of a block is given relative to its place in the file, so that runs are common. */
  private static BlockMap mapOf(List<Content> blocks, List<Boolean> cuts) {
    List<Extent> extents = new ArrayList<>();
    int block = 0;
    while (block < BLOCKS) {
      Content content = blocks.get(block);
      int end = block + 1;
      while (end < BLOCKS && !cuts.get(end) && blocks.get(end).equals(content)) {
        end++;
      }
      if (!content.equals(Content.HOLE)) {
        extents.add(
            new Extent(
                (long) block * BLOCK_BYTES,
                content.physical * 100_000 + (long) block * BLOCK_BYTES,
                (long) (end - block) * BLOCK_BYTES,
                content.flags));
      }
      block = end;
    }
    return new BlockMap(1, WHOLE, extents);
  }

  private static boolean isStillTrue(Content before, Content after) {
    return before.equals(after)
        || (before.physical >= 0
            && before.physical == after.physical
            && (before.flags == FiemapFlags.SHARED || before.flags == FiemapFlags.UNWRITTEN)
            && after.flags == 0);
  }

  private static Optional<Content> contentAt(BlockMap map, long offset) {
    return map.extents().stream()
        .filter(extent -> extent.logical() <= offset && offset < extent.end())
        .findFirst()
        .map(extent -> new Content(extent.physical() + offset - extent.logical(), extent.flags()));
  }
}
