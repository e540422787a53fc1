package io.selkie.rdma.verbs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Goal: private data arrives as it was sent, although InfiniBand pads it. */
class PrivateDataTest {

  private static byte[] bytes(ByteBuffer buffer) {
    byte[] copy = new byte[buffer.remaining()];
    buffer.duplicate().get(copy);
    return copy;
  }

  @Property(tries = 200)
  void paddingIsTakenOffAgain(@ForAll @Size(max = 55) byte[] sent) {
    byte[] wire = PrivateData.wrap(false, ByteBuffer.wrap(sent));
    assertThat(wire.length).isLessThanOrEqualTo(56);
    for (int length : new int[] {wire.length, 56, 196}) {
      ByteBuffer padded = ByteBuffer.wrap(Arrays.copyOf(wire, length));
      assertThat(bytes(PrivateData.unwrap(false, padded))).isEqualTo(sent);
    }
  }

  @Property(tries = 50)
  void iwarpSaysTheLengthItself(@ForAll @Size(max = 251) byte[] sent) {
    byte[] wire = PrivateData.wrap(true, ByteBuffer.wrap(sent));
    assertThat(wire).isEqualTo(sent);
    assertThat(bytes(PrivateData.unwrap(true, ByteBuffer.wrap(wire)))).isEqualTo(sent);
  }

  @Test
  void whatHasNoLengthThatFitsIsLeftAsItIs() {
    byte[] foreign = "RLQ1 of somebody else".getBytes(UTF_8);
    assertThat(bytes(PrivateData.unwrap(false, ByteBuffer.wrap(foreign)))).isEqualTo(foreign);
    assertThat(PrivateData.unwrap(false, ByteBuffer.allocate(0)).hasRemaining()).isFalse();
  }

  @Test
  void refusalIsCutToWhatOneCanCarry() {
    ByteBuffer lengthy = ByteBuffer.wrap(new byte[300]);
    assertThat(PrivateData.wrapRefusal(false, lengthy)).hasSize(148);
    assertThat(PrivateData.wrapRefusal(true, lengthy)).hasSize(251);
    assertThat(lengthy.remaining()).isEqualTo(300);
  }
}
