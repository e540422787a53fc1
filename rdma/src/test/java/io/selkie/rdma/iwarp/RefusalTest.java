package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.RdmaListener;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: whoever is refused can read why, however it looks at its socket.
 *
 * <p>Method: a plain socket. Linux' {@code siw} loses the reply when the end of the stream comes
 * with it, so none may come; RFC 5044 section 7.1.4.2 has the initiator close.
 */
@Timeout(300)
class RefusalTest {

  private static final int AN_HOUR_MILLIS = 3_600_000;

  private IwarpProvider provider;

  @BeforeEach
  void noTimeoutEndsIt() {
    provider =
        new IwarpProvider(
            IwarpConfig.DEFAULTS
                .withEventLoops(1, 0)
                .withLimits(
                    IwarpLimits.DEFAULTS.withTimes(AN_HOUR_MILLIS, AN_HOUR_MILLIS, 60_000)));
  }

  @AfterEach
  void close() {
    provider.close();
  }

  private Socket refused() throws Exception {
    RdmaListener listener =
        provider.listen(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            request -> new ConnectionAcceptor.Refuse(ByteBuffer.wrap(new byte[] {1, 2, 3})));
    Socket socket = new Socket(listener.address().getAddress(), listener.address().getPort());
    socket.setSoTimeout(60_000);
    socket.getOutputStream().write(Frames.mpaRequest(0x40, 1, new byte[0]));
    byte[] reply = socket.getInputStream().readNBytes(23);
    assertThat(reply[16] & 0x20).as("rejected").isNotZero();
    assertThat(reply).endsWith(1, 2, 3);
    return socket;
  }

  @Test
  void noEndOfTheStreamComesWithTheReply() throws Exception {
    try (Socket socket = refused()) {
      // An end would be there at once; that none comes can only be seen for a while.
      socket.setSoTimeout(300);
      assertThatThrownBy(() -> socket.getInputStream().read())
          .isInstanceOf(SocketTimeoutException.class);
    }
  }

  @Test
  void theConnectionEndsWhenThePeerClosesItsHalf() throws Exception {
    try (Socket socket = refused()) {
      socket.shutdownOutput();
      assertThat(endOf(socket)).isTrue();
    }
  }

  private static boolean endOf(Socket socket) throws IOException {
    return socket.getInputStream().read() < 0;
  }
}
