package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/** A peer that speaks byte by byte over a real socket; it checks the CRC of what it receives. */
final class RawPeer implements AutoCloseable {

  private static final int TIMEOUT_MILLIS = 60_000;

  private final Socket socket;
  private final DataInputStream in;
  private final OutputStream out;

  RawPeer(Socket socket) throws IOException {
    this.socket = socket;
    socket.setSoTimeout(TIMEOUT_MILLIS);
    socket.setTcpNoDelay(true);
    in = new DataInputStream(socket.getInputStream());
    out = socket.getOutputStream();
  }

  static RawPeer connect(InetSocketAddress address) throws IOException {
    return new RawPeer(new Socket(address.getAddress(), address.getPort()));
  }

  /** Connects with a small receive window, so that a peer that does not read stops the sender. */
  static RawPeer connectNarrow(InetSocketAddress address) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.connect(address);
    return new RawPeer(socket);
  }

  /** A connection that is through with MPA revision 1, with CRCs. */
  static RawPeer established(InetSocketAddress address) throws IOException {
    RawPeer peer = connect(address);
    peer.negotiate();
    return peer;
  }

  RawPeer negotiate() throws IOException {
    write(Frames.mpaRequest(0x40, 1, new byte[0]));
    Reply reply = reply();
    assertThat(reply.flags() & 0x20).as("rejected").isZero();
    return this;
  }

  RawPeer write(byte[]... frames) throws IOException {
    for (byte[] frame : frames) {
      out.write(frame);
    }
    return this;
  }

  RawPeer ulpdu(byte[] ulpdu) throws IOException {
    return write(Frames.fpdu(ulpdu));
  }

  /** An MPA frame of the other side. */
  record Reply(String key, int flags, int revision, ByteBuffer privateData) {
    int enhanced() {
      return privateData.getInt(0);
    }
  }

  Reply reply() throws IOException {
    byte[] key = in.readNBytes(16);
    int flags = in.readUnsignedByte();
    int revision = in.readUnsignedByte();
    byte[] data = in.readNBytes(in.readUnsignedShort());
    return new Reply(
        new String(key, java.nio.charset.StandardCharsets.US_ASCII),
        flags,
        revision,
        ByteBuffer.wrap(data));
  }

  /** The ULPDU of the next FPDU. */
  ByteBuffer readUlpdu() throws IOException {
    int length = in.readUnsignedShort();
    byte[] frame = new byte[(2 + length + 3) / 4 * 4];
    frame[0] = (byte) (length >> 8);
    frame[1] = (byte) length;
    in.readFully(frame, 2, frame.length - 2);
    CRC32C crc = new CRC32C();
    crc.update(frame);
    assertThat(Integer.reverseBytes(in.readInt())).as("CRC32C").isEqualTo((int) crc.getValue());
    return ByteBuffer.wrap(frame, 2, length).slice();
  }

  /** A Terminate as it came. */
  record Terminate(int control, boolean m, boolean d, boolean r, ByteBuffer rest) {
    String code() {
      return "%x/%x/%02x".formatted(control >> 12, control >> 8 & 0xF, control & 0xFF);
    }
  }

  Terminate readTerminate() throws IOException {
    ByteBuffer ulpdu = readUlpdu();
    assertThat(ulpdu.get(0) & 0xFF).as("DDP control: untagged, last, version 1").isEqualTo(0x41);
    assertThat(ulpdu.get(1) & 0xFF).as("RDMAP control: version 1, Terminate").isEqualTo(0x47);
    assertThat(ulpdu.getInt(6)).as("queue").isEqualTo(2);
    assertThat(ulpdu.getInt(10)).as("MSN").isEqualTo(1);
    assertThat(ulpdu.getInt(14)).as("MO").isZero();
    int word = ulpdu.getInt(18);
    assertThat(word & 0x1FFF).as("reserved").isZero();
    return new Terminate(
        word >>> 16,
        (word & 0x8000) != 0,
        (word & 0x4000) != 0,
        (word & 0x2000) != 0,
        ulpdu.slice(22, ulpdu.limit() - 22));
  }

  /** Waits for the other side's end: true when it comes in order or by reset. */
  boolean isEnded() throws IOException {
    try {
      return in.read() < 0;
    } catch (EOFException | SocketException e) {
      return true;
    }
  }

  int readByte() throws IOException {
    return in.read();
  }

  byte[] readBytes(int count) throws IOException {
    return in.readNBytes(count);
  }

  void shutdownOutput() throws IOException {
    socket.shutdownOutput();
  }

  /** Closes with a reset. */
  void reset() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
