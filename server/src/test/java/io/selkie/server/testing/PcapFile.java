package io.selkie.server.testing;

import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes what went over a connection as a capture file that a dissector reads, with made-up headers
 * of Ethernet, IP and TCP around it; so no right to capture is needed.
 *
 * <pre>
 *   +----------+----------+---------+----------------------+
 *   | Ethernet | IPv4     | TCP     | up to 32 KiB of the  |  ... one such frame per piece
 *   | 14 bytes | 20 bytes | 20 bytes| byte stream          |
 *   +----------+----------+---------+----------------------+
 * </pre>
 */
public final class PcapFile implements AutoCloseable {

  /** The made-up port of the server. */
  public static final int SERVER_PORT = 2049;

  private static final int CLIENT_PORT = 800;
  private static final int PIECE_BYTES = 32 * 1024;
  private static final int IP_AND_TCP_BYTES = 40;
  private static final int ETHERNET_BYTES = 14;

  private final DataOutputStream out;
  private int fromClient = 1;
  private int fromServer = 1;
  private int frames;

  /** Starts a file. */
  public PcapFile(Path file) throws IOException {
    out = new DataOutputStream(Files.newOutputStream(file));
    out.writeInt(0xA1B2C3D4);
    out.writeShort(2);
    out.writeShort(4);
    out.writeLong(0);
    out.writeInt(0x40000);
    out.writeInt(1);
  }

  /** Adds bytes that one side sent. */
  public synchronized void add(boolean byClient, byte[] bytes, int offset, int length) {
    try {
      for (int at = 0; at < length; at += PIECE_BYTES) {
        frame(byClient, bytes, offset + at, Math.min(PIECE_BYTES, length - at));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void frame(boolean byClient, byte[] bytes, int offset, int length) throws IOException {
    int captured = ETHERNET_BYTES + IP_AND_TCP_BYTES + length;
    out.writeInt(1_700_000_000 + frames / 1000);
    out.writeInt(frames++ % 1000 * 1000);
    out.writeInt(captured);
    out.writeInt(captured);
    out.write(new byte[12]);
    out.writeShort(0x0800);
    out.writeShort(0x4500);
    out.writeShort(IP_AND_TCP_BYTES + length);
    out.writeInt(0x4000);
    out.writeInt(0x4006_0000);
    out.writeInt(byClient ? 0x0A000001 : 0x0A000002);
    out.writeInt(byClient ? 0x0A000002 : 0x0A000001);
    out.writeShort(byClient ? CLIENT_PORT : SERVER_PORT);
    out.writeShort(byClient ? SERVER_PORT : CLIENT_PORT);
    out.writeInt(byClient ? fromClient : fromServer);
    out.writeInt(byClient ? fromServer : fromClient);
    out.writeInt(0x5018_FFFF);
    out.writeInt(0);
    out.write(bytes, offset, length);
    if (byClient) {
      fromClient += length;
    } else {
      fromServer += length;
    }
  }

  @Override
  public synchronized void close() throws IOException {
    out.close();
  }
}
