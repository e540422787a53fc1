package io.selkie.rdma.iwarp;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What went over TCP connections, as a capture file any analyser reads: the octets in their order,
 * without what the network made of them. It needs no privilege, unlike a capture from an interface,
 * and nothing in it was lost or sent twice, which a dissector may stumble over.
 *
 * <pre>
 * file:    magic a1b2c3d4, version 2.4, zone, accuracy, snapshot length, link type 101 (raw IP)
 * packet:  seconds, microseconds, captured length, length, IPv4 header, TCP header, octets
 * </pre>
 *
 * <p>For any thread. What comes after {@link #close} is left out.
 */
public final class TcpRecord implements AutoCloseable {

  /** The most octets of one packet. */
  public static final int PAYLOAD_MAX = 60_000;

  /** The port of whoever was connected to. */
  public static final int SERVER_PORT = 20049;

  private static final int RAW_IP = 101;
  private static final int SYN = 2;
  private static final int PUSH_ACK = 0x18;
  private static final int ACK = 0x10;
  private static final int FIN_ACK = 0x11;
  private static final int FIRST_CLIENT_PORT = 40_000;

  private final OutputStream file;
  private boolean closed;
  private int connections;
  private int packets;

  /** Begins a file, in place of what was there. */
  public TcpRecord(Path path) throws IOException {
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
  }

  /** One more connection, from its first packet on, to the port of RDMA. */
  public Connection connection() {
    return connection(SERVER_PORT);
  }

  /** One more connection, from its first packet on, to that port. */
  public synchronized Connection connection(int serverPort) {
    return new Connection(FIRST_CLIENT_PORT + connections++, serverPort);
  }

  /** One connection's sequence numbers. */
  public final class Connection {
    private final int clientPort;
    private final int serverPort;
    private int clientNext = 1000;
    private int serverNext = 2000;

    private Connection(int clientPort, int serverPort) {
      this.clientPort = clientPort;
      this.serverPort = serverPort;
      packet(true, SYN, new byte[0], 0);
      packet(false, SYN | ACK, new byte[0], 0);
      packet(true, ACK, new byte[0], 0);
    }

    /**
     * Octets on their way.
     *
     * @param count how many from the first one on, {@link #PAYLOAD_MAX} at most
     */
    public void octets(boolean toServer, byte[] octets, int count) {
      packet(toServer, PUSH_ACK, octets, count);
    }

    /** Nothing more comes this way. */
    public void end(boolean toServer) {
      packet(toServer, FIN_ACK, new byte[0], 0);
    }

    private void packet(boolean toServer, int flags, byte[] octets, int count) {
      synchronized (TcpRecord.this) {
        if (closed) {
          return;
        }
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
        packet.putShort((short) (toServer ? clientPort : serverPort));
        packet.putShort((short) (toServer ? serverPort : clientPort));
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

  /** Ends the file. */
  @Override
  public synchronized void close() throws IOException {
    closed = true;
    file.close();
  }
}
