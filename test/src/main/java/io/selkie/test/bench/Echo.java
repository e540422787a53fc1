package io.selkie.test.bench;

import io.selkie.server.diagnostics.DiagnosticsProtocol;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/**
 * The thing to compare with: requests and replies of fixed sizes over a blocking TCP connection,
 * served by a plain thread in the server's process. One thread uses it.
 */
final class Echo implements AutoCloseable {

  private final SocketChannel channel;
  private final ByteBuffer request;
  private final ByteBuffer reply;

  Echo(InetSocketAddress address, int requestBytes, int replyBytes) throws IOException {
    channel = SocketChannel.open(address);
    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    request = ByteBuffer.allocateDirect(requestBytes);
    reply = ByteBuffer.allocateDirect(replyBytes);
    ByteBuffer header = ByteBuffer.allocate(DiagnosticsProtocol.HEADER_BYTES);
    header.putInt(DiagnosticsProtocol.MAGIC).putInt(DiagnosticsProtocol.ECHO);
    Diagnostics.writeAll(channel, header.putInt(requestBytes).putInt(replyBytes).flip());
  }

  /** One request, one reply. */
  void roundTrip() throws IOException {
    send();
    receive();
  }

  /**
   * So many round trips, several in flight. The smaller direction fits the socket buffers, so one
   * thread does both without getting stuck.
   */
  void bulk(int count, int inFlight) throws IOException {
    int sent = 0;
    for (int received = 0; received < count; received++) {
      while (sent < count && sent - received < inFlight) {
        send();
        sent++;
      }
      receive();
    }
  }

  private void send() throws IOException {
    Diagnostics.writeAll(channel, request.clear());
  }

  private void receive() throws IOException {
    Diagnostics.readAll(channel, reply.clear());
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
