package io.selkie.layout;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.ByteRange;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Partial returns: a handle goes with its last byte, and never before. */
class PartTest {

  @Property
  void partIsGivenBackWithItsLastByteAndNeverBefore(
      @ForAll @Size(max = 15) List<@IntRange(max = 63) Integer> starts,
      @ForAll @IntRange(min = 1, max = 12) int length) {
    Part part = Part.hole(new ByteRange(100, 64));
    BitSet kept = new BitSet();
    kept.set(0, 64);
    for (int start : starts) {
      boolean gone = part.giveBack(new ByteRange(90 + start, length));
      for (int i = 0; i < length; i++) {
        int at = start - 10 + i;
        if (at >= 0 && at < 64) {
          kept.clear(at);
        }
      }
      assertThat(gone).isEqualTo(kept.isEmpty());
    }
    assertThat(part.giveBack(new ByteRange(0, 1000))).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "true, false, RETURNING, true",
    "true, true, RETURNING, false",
    "true, false, FENCING, false",
    "false, false, RETURNING, false"
  })
  void onlyWhatWasGrantedAndNotAskedForIsToldToBeGivenBack(
      boolean granted, boolean recalled, LayoutState next, boolean told) {
    AtomicBoolean heard = new AtomicBoolean();
    LayoutHandle handle =
        new LayoutHandle() {
          @Override
          public CompletionStage<Void> invalidate() {
            return CompletableFuture.completedFuture(null);
          }

          @Override
          public void abort() {}

          @Override
          public void givenBack() {
            heard.set(true);
          }
        };
    Part part = new Part(new ByteRange(0, 64), null, handle, null);
    if (granted) {
      part.segment = new Segment(null, part.range, 1, new Part[] {part});
    }
    if (recalled) {
      part.become(LayoutState.RECALLED);
    }
    part.become(next);
    assertThat(heard.get()).isEqualTo(told);
  }

  @Property
  void rangesOfTheWireDoNotOverflow(@ForAll long offset, @ForAll long length) {
    ByteRange clipped = Ranges.clip(offset, length);
    assertThat(clipped.end()).isGreaterThanOrEqualTo(clipped.offset());
    boolean overflow =
        length != -1
            && new java.math.BigInteger(Long.toUnsignedString(offset))
                    .add(new java.math.BigInteger(Long.toUnsignedString(length)))
                    .bitLength()
                > 64;
    assertThat(Ranges.overflows(offset, length)).isEqualTo(overflow);
  }
}
