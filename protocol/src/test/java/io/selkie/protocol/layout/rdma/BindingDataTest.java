package io.selkie.protocol.layout.rdma;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.SessionId4;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Goal: the private data of a queue pair's set-up stands on the wire as the profile says. */
class BindingDataTest {

  private static final SessionId4 SESSION =
      new SessionId4(0x0102030405060708L, 0x090a0b0c0d0e0f10L);

  private static String hex(ByteBuffer data) {
    byte[] bytes = new byte[data.remaining()];
    data.duplicate().get(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  @Test
  void requestNamesTheSessionAndWhetherItsSenderSpins() {
    ByteBuffer request = BindingData.request(SESSION, true);
    assertThat(hex(request)).isEqualTo("524c513100000002" + "0102030405060708090a0b0c0d0e0f10");
    assertThat(BindingData.session(request)).contains(SESSION);
    assertThat(BindingData.peerSpins(request)).isTrue();
    assertThat(BindingData.peerSpins(BindingData.request(SESSION, false))).isFalse();
  }

  @Test
  void otherPrivateDataNamesNoSession() {
    assertThat(BindingData.session(ByteBuffer.allocate(24))).isEmpty();
    assertThat(BindingData.session(BindingData.request(SESSION, false).limit(23))).isEmpty();
  }

  @Test
  void refusalSaysWhyAndItsTextIsCut() {
    ByteBuffer refusal = BindingData.refuse(BindingData.Refusal.LIMIT, "x".repeat(1000));
    assertThat(refusal.getInt()).isEqualTo(BindingData.MAGIC);
    assertThat(refusal.getInt()).isEqualTo(BindingData.Refusal.LIMIT.code());
    assertThat(UTF_8.decode(refusal).length()).isEqualTo(200);
  }
}
