package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/**
 * Goal: a Terminate is understood however its sender laid out the control field.
 *
 * <p>Method: octets that Linux 6.1's {@code siw} sent, from a capture, and octets as RFC 5040
 * section 4.8 has them.
 */
class TerminateMessageTest {

  private static TerminateMessage.Received decode(String hex) {
    byte[] body = Frames.bytes(hex);
    ByteBuffer in = ByteBuffer.allocate(body.length + 3).put(3, body);
    return TerminateMessage.decode(in, 3, body.length);
  }

  @Test
  void siwsRefusalOfAReadIsAReadsProtectionError() {
    TerminateMessage.Received received =
        decode(
            "10000700 0000 4141 00000000 00000001 00000064 00000000"
                + " 2144cac7 0000037bfb486000 00000064 a6165d00 00007f667a88d001");
    assertThat(received.code()).isEqualTo(TerminateCode.RDMAP_INVALID_STAG);
    assertThat(received.control()).isEqualTo(0x0100);
    assertThat(received.hasHeader()).isTrue();
    assertThat(received.tagged()).isFalse();
    assertThat(received.queue()).isEqualTo(Fpdu.QN_READ_REQUEST);
  }

  @Test
  void siwsRefusalOfAWriteNamesTheWrite() {
    TerminateMessage.Received received = decode("11010300 0064 c140 fa4c5300 00007f667a88cf9d");
    assertThat(received.code()).isEqualTo(TerminateCode.DDP_TAGGED_BOUNDS);
    assertThat(received.tagged()).isTrue();
    assertThat(received.key()).isEqualTo(0xfa4c5300);
    assertThat(received.offset()).isEqualTo(0x7f667a88cf9dL);
  }

  @Test
  void siwsLackOfABufferIsThatOfDdp() {
    TerminateMessage.Received received =
        decode("21020300 0064 4143 00000000 00000000 00000001 00000000");
    assertThat(received.code()).isEqualTo(TerminateCode.DDP_NO_BUFFER);
    assertThat(received.queue()).isEqualTo(Fpdu.QN_SEND);
  }

  @Test
  void siwsCrcErrorHasNoFlagsAndIsKnownByItsNumbers() {
    assertThat(decode("02020000").code()).isEqualTo(TerminateCode.MPA_CRC);
  }

  @Test
  void theLayoutOfTheRfcIsNotTakenForTheOther() {
    for (TerminateCode code : TerminateCode.values()) {
      TerminateMessage.Received bare = decode("%04x0000".formatted(code.control()));
      assertThat(bare.code()).isEqualTo(code);
      TerminateMessage.Received withHeader =
          decode("%04xc000 0064 c140 fa4c5300 00007f667a88cf9d".formatted(code.control()));
      assertThat(withHeader.code()).isEqualTo(code);
      assertThat(withHeader.tagged()).isTrue();
    }
  }

  @Test
  void numbersThatMeanNothingEitherWayRoundStayAsTheyCame() {
    TerminateMessage.Received received = decode("98760000");
    assertThat(received.code()).isNull();
    assertThat(received.control()).isEqualTo(0x9876);
  }
}
