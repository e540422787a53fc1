package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.LayoutConst4;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** Goal: a reclaimed LAYOUTCOMMIT is not said to have taken in blocks that it cannot take in. */
class LostBlocksTest {

  private static ByteBuffer counting(int extents) {
    return ByteBuffer.allocate(4).putInt(0, extents);
  }

  @Test
  void whatNamesBlocksIsLostAndWhatNamesNoneIsNot() {
    int block = LayoutConst4.LAYOUT4_BLOCK_VOLUME;
    assertThat(LayoutCommit.isLost(block, counting(1))).isTrue();
    assertThat(LayoutCommit.isLost(block, counting(0))).isFalse();
    assertThat(LayoutCommit.isLost(block, ByteBuffer.allocate(0))).isFalse();
    assertThat(LayoutCommit.isLost(block, ByteBuffer.allocate(3))).as("garbage").isTrue();
    assertThat(LayoutCommit.isLost(LayoutConst4.LAYOUT4_RDMA, counting(1))).isFalse();
  }
}
