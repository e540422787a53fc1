package io.selkie.client.direct;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.layout.rdma.RdmaExtentState4;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** Goal: the table says of every byte what the last grant of it said. */
class ExtentTableTest {
  private static final int BYTES = 64;

  @Provide
  Arbitrary<List<GrantedExtent>> grants() {
    Arbitrary<Integer> start = Arbitraries.integers().between(0, BYTES - 1);
    Arbitrary<Integer> length = Arbitraries.integers().between(1, BYTES);
    Arbitrary<Integer> key = Arbitraries.integers().between(1, 1000);
    return Combinators.combine(start, length, key)
        .as((s, l, k) ->
            new GrantedExtent(
                s,
                Math.min(BYTES, s + l),
                RdmaExtentState4.PNFS_RDMA_NONE_DATA,
                k,
                1000L * k + s,
                null))
        .list()
        .ofMaxSize(12);
  }

  private static GrantedExtent[] model(List<GrantedExtent> grants) {
    GrantedExtent[] bytes = new GrantedExtent[BYTES];
    for (GrantedExtent grant : grants) {
      for (int i = (int) grant.start(); i < grant.end(); i++) {
        bytes[i] = grant;
      }
    }
    return bytes;
  }

  @Property
  void theLastGrantOfAByteCounts(@ForAll("grants") List<GrantedExtent> grants) {
    ExtentTable table = ExtentTable.EMPTY;
    for (GrantedExtent grant : grants) {
      table = table.with(List.of(grant));
    }
    GrantedExtent[] model = model(grants);
    for (int i = 0; i < BYTES; i++) {
      int index = table.find(i);
      if (model[i] == null) {
        assertThat(index).as("byte %d", i).isNegative();
        continue;
      }
      GrantedExtent found = table.get(index);
      assertThat(found.key()).isEqualTo(model[i].key());
      assertThat(found.address() + (i - found.start()))
          .isEqualTo(model[i].address() + (i - model[i].start()));
    }
  }

  @Property
  void coverageIsThatOfEveryByte(
      @ForAll("grants") List<GrantedExtent> grants,
      @ForAll @IntRange(max = BYTES - 1) int from,
      @ForAll @IntRange(min = 1, max = BYTES) int length) {
    GrantedExtent[] model = model(grants);
    boolean all = true;
    for (int i = from; i < from + length; i++) {
      all &= i < BYTES && model[i] != null;
    }
    ExtentTable table = ExtentTable.EMPTY.with(grants);
    assertThat(table.covers(from, length, false)).isEqualTo(all);
    assertThat(table.covers(from, length, true)).isFalse();
  }

  @Property
  void whatIsTakenAwayIsTakenAsWholeExtents(
      @ForAll("grants") List<GrantedExtent> grants,
      @ForAll @IntRange(max = BYTES - 1) int from,
      @ForAll @IntRange(min = 1, max = BYTES) int length) {
    ExtentTable table = ExtentTable.EMPTY.with(grants);
    long end = (long) from + length;
    ExtentTable rest = table.withoutTouching(from, end);
    long start = table.widenStart(from, end);
    long widened = table.widenEnd(from, end);
    for (GrantedExtent extent : table.extents()) {
      boolean touches = extent.start() < end && from < extent.end();
      assertThat(rest.extents().contains(extent)).isEqualTo(!touches);
      if (touches) {
        assertThat(extent.start()).isGreaterThanOrEqualTo(start);
        assertThat(extent.end()).isLessThanOrEqualTo(widened);
      } else {
        assertThat(extent.end() <= start || extent.start() >= widened).isTrue();
      }
    }
  }
}
