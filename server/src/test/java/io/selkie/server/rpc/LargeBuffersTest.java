package io.selkie.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Goal: the buffers of the longest records are made once and used again, and never twice. */
class LargeBuffersTest {

  private static final int CAPACITY = 1 << 20;

  private final LargeBuffers large = new LargeBuffers(CAPACITY);

  @Test
  void whatIsReleasedComesBackEmpty() {
    ByteBuf first = large.take();
    first.writeLong(17).retainedSlice(0, 8).release();
    assertThat(large.keptCount()).isZero();
    first.release();
    assertThat(large.keptCount()).isEqualTo(1);
    ByteBuf second = large.take();
    assertThat(second).isSameAs(first);
    assertThat(second.refCnt()).isEqualTo(1);
    assertThat(second.writerIndex()).isZero();
    assertThat(second.capacity()).isEqualTo(CAPACITY);
    second.release();
  }

  @Test
  void sliceKeepsTheBufferFromComingBack() {
    ByteBuf buffer = large.take();
    ByteBuf slice = buffer.retainedSlice(0, 4);
    buffer.release();
    assertThat(large.keptCount()).isZero();
    slice.release();
    assertThat(large.keptCount()).isEqualTo(1);
  }

  @Test
  void noMoreAreKeptThanTheBound() {
    List<ByteBuf> taken = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      taken.add(large.take());
    }
    taken.forEach(ByteBuf::release);
    assertThat(large.keptCount()).isEqualTo(64);
  }

  @Test
  void whatIsNotKeptIsNotMade() {
    assertThat(large.takeKept()).isNull();
    large.take().release();
    ByteBuf kept = large.takeKept();
    assertThat(kept).isNotNull();
    assertThat(large.takeKept()).isNull();
    kept.release();
  }

  @Test
  void recordIsMovedWhole() {
    ByteBuf small = Unpooled.directBuffer(64).writeLong(1).writeLong(2);
    ByteBuf moved = large.move(small, 12);
    assertThat(small.refCnt()).isZero();
    assertThat(moved.writerIndex()).isEqualTo(12);
    assertThat(moved.getLong(0)).isEqualTo(1);
    moved.release();
  }

  @Test
  void onlyWhatTakesTheHalfFits() {
    assertThat(large.fits(CAPACITY / 2)).isFalse();
    assertThat(large.fits(CAPACITY / 2 + 1)).isTrue();
    assertThat(large.fits(CAPACITY)).isTrue();
    assertThat(large.fits(CAPACITY + 1)).isFalse();
  }

  @Test
  void nothingIsKeptAfterTheEnd() {
    ByteBuf early = large.take();
    early.release();
    ByteBuf late = large.take();
    large.close();
    late.release();
    assertThat(large.keptCount()).isZero();
    assertThat(late.refCnt()).isZero();
  }
}
