package io.selkie.rdma.iwarp;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A relay that writes down what passes, as a capture file any analyser reads. It needs no
 * privilege, unlike a capture from an interface.
 *
 * <pre>
 * file:    magic a1b2c3d4, version 2.4, zone, accuracy, snapshot length, link type 101 (raw IP)
 * packet:  seconds, microseconds, captured length, length, IPv4 header, TCP header, octets
 * </pre>
 */
final class Recording implements AutoCloseable {

  private static final int RAW_IP = 101;
  private static final int PAYLOAD_MAX = 60_000;
  private static final int SYN = 2;
  private static final int PUSH_ACK = 0x18;
  private static final int ACK = 0x10;
  private static final int FIN_ACK = 0x11;
  private static final int SERVER_PORT = 20049;

  private final OutputStream file;
  private final InetSocketAddress target;
  private final ServerSocket listening;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private int connections;
  private int packets;

  Recording(Path path, InetSocketAddress target) throws IOException {
    this.target = target;
    file = Files.newOutputStream(path);
    file.write(
        ByteBuffer.allocate(24)
            .putInt(0xA1B2C3D4)
            .putShort((short) 2)
            .putShort((short) 4)
            .putInt(0)
            .putInt(0)
            .putInt(65_535)
            .putInt(RAW_IP)
            .array());
    listening = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
    threads.execute(this::accept);
  }

  InetSocketAddress address() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), listening.getLocalPort());
  }

  private void accept() {
    try {
      while (true) {
        Socket client = listening.accept();
        Socket server = new Socket(target.getAddress(), target.getPort());
        client.setTcpNoDelay(true);
        server.setTcpNoDelay(true);
        Connection connection = new Connection(40_000 + connections++);
        threads.execute(() -> relay(client, server, connection, true));
        threads.execute(() -> relay(server, client, connection, false));
      }
    } catch (IOException e) {
      // The listening socket was closed: the recording is over.
      threads.shutdown();
    }
  }

  private static void relay(Socket from, Socket to, Connection connection, boolean toServer) {
    byte[] octets = new byte[PAYLOAD_MAX];
    try (from) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      int count = in.read(octets);
      while (count > 0) {
        connection.packet(toServer, PUSH_ACK, octets, count);
        out.write(octets, 0, count);
        count = in.read(octets);
      }
      connection.packet(toServer, FIN_ACK, octets, 0);
      to.shutdownOutput();
    } catch (IOException e) {
      connection.packet(toServer, FIN_ACK, octets, 0);
    }
  }

  /** One connection's sequence numbers. */
  private final class Connection {
    private final int clientPort;
    private int clientNext = 1000;
    private int serverNext = 2000;

    Connection(int clientPort) {
      this.clientPort = clientPort;
      packet(true, SYN, new byte[0], 0);
      packet(false, SYN | ACK, new byte[0], 0);
      packet(true, ACK, new byte[0], 0);
    }

    void packet(boolean toServer, int flags, byte[] octets, int count) {
      synchronized (Recording.this) {
        int sequence = toServer ? clientNext : serverNext;
        int acknowledged = toServer ? serverNext : clientNext;
        int length = 40 + count;
        ByteBuffer packet = ByteBuffer.allocate(16 + length);
        packet.putInt(packets / 1000).putInt(packets % 1000).putInt(length).putInt(length);
        packets++;
        packet.put((byte) 0x45).put((byte) 0).putShort((short) length).putInt(0);
        packet.put((byte) 64).put((byte) 6).putShort((short) 0);
        packet.putInt(toServer ? 0x0A000001 : 0x0A000002);
        packet.putInt(toServer ? 0x0A000002 : 0x0A000001);
        packet.putShort((short) (toServer ? clientPort : SERVER_PORT));
        packet.putShort((short) (toServer ? SERVER_PORT : clientPort));
        packet.putInt(sequence).putInt((flags & ACK) == 0 ? 0 : acknowledged);
        packet.put((byte) 0x50).put((byte) flags).putShort((short) 0xFFFF).putInt(0);
        packet.put(octets, 0, count);
        int used = count + ((flags & (SYN | 1)) == 0 ? 0 : 1);
        if (toServer) {
          clientNext += used;
        } else {
          serverNext += used;
        }
        try {
          file.write(packet.array());
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  /** Ends the relay; what was recorded is in the file. */
  @Override
  public void close() throws IOException {
    listening.close();
    threads.close();
    file.close();
  }
}
