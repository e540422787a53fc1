package io.selkie.test.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** The hand-made iWARP agrees with the examples in the RFC before it judges anybody. */
class RawIwarpTest {

  @Test
  void crcIsTheOneOfRfc5044Figure5() {
    ByteBuffer example = ByteBuffer.allocate(0x30);
    example.putInt(0).putShort((short) 0x2a).put((byte) 0x41).put((byte) 0x43);
    example.putInt(0).putInt(0).putInt(1).putInt(0);

    assertThat(RawIwarp.crc(example.array(), 0x30)).isEqualTo(0x52239983);
  }
}
