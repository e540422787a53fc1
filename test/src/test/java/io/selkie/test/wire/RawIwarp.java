package io.selkie.test.wire;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * iWARP by hand: MPA (RFC 5044), DDP (RFC 5041) and RDMAP (RFC 5040) over a plain socket, to say
 * right and wrong things to a listener. Every wait is bounded.
 */
public final class RawIwarp implements AutoCloseable {

  public static final int OPCODE_WRITE = 0;
  public static final int OPCODE_READ_REQUEST = 1;
  public static final int OPCODE_READ_RESPONSE = 2;
  public static final int OPCODE_SEND = 3;
  public static final int OPCODE_TERMINATE = 7;

  private static final int TIMEOUT_MILLIS = 60_000;
  private static final int FLAG_CRC = 0x40;
  private static final int FLAG_REJECTED = 0x20;

  private final Socket socket;
  private final DataInputStream in;

  private RawIwarp(Socket socket) throws IOException {
    this.socket = socket;
    this.in = new DataInputStream(socket.getInputStream());
  }

  /** Connects by TCP and says nothing yet. */
  public static RawIwarp connect(InetSocketAddress address) throws IOException {
    Socket socket = new Socket();
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(TIMEOUT_MILLIS);
    socket.connect(address, TIMEOUT_MILLIS);
    return new RawIwarp(socket);
  }

  /** Connects and sets up a queue pair for an NFS session, as the layout profile says. */
  public static RawIwarp connect(InetSocketAddress address, byte[] sessionId) throws IOException {
    RawIwarp iwarp = connect(address);
    iwarp.sendBytes(request(privateData(sessionId)));
    MpaReply reply = iwarp.receiveReply();
    if (reply.rejected) {
      iwarp.close();
      throw new IOException("the queue pair was refused");
    }
    return iwarp;
  }

  /** The private data that binds a queue pair to a session. */
  public static byte[] privateData(byte[] sessionId) {
    return ByteBuffer.allocate(24).put("RLQ1".getBytes(US_ASCII)).putInt(0).put(sessionId).array();
  }

  /** An MPA request of revision 1, with CRC and without markers. */
  public static byte[] request(byte[] privateData) {
    return ByteBuffer.allocate(20 + privateData.length)
        .put("MPA ID Req Frame".getBytes(US_ASCII))
        .put((byte) FLAG_CRC)
        .put((byte) 1)
        .putShort((short) privateData.length)
        .put(privateData)
        .array();
  }

  /** Takes the answer to an MPA request. */
  public MpaReply receiveReply() throws IOException {
    byte[] key = in.readNBytes(16);
    if (key.length < 16) {
      throw new EOFException("closed instead of an MPA reply");
    }
    if (!new String(key, US_ASCII).equals("MPA ID Rep Frame")) {
      throw new IOException("no MPA reply: " + new String(key, US_ASCII));
    }
    int flags = in.readUnsignedByte();
    int revision = in.readUnsignedByte();
    ByteBuffer privateData = ByteBuffer.wrap(in.readNBytes(in.readUnsignedShort()));
    return new MpaReply((flags & FLAG_REJECTED) != 0, revision, privateData);
  }

  /** Whatever comes next: an answer to an MPA request, or nothing and the connection is closed. */
  public Optional<MpaReply> replyOrClosed() throws IOException {
    try {
      return Optional.of(receiveReply());
    } catch (EOFException | SocketException _) {
      return Optional.empty();
    }
  }

  /** An FPDU: length, ULPDU, padding and a good CRC. */
  public static byte[] fpdu(byte[] ulpdu) {
    int padded = (2 + ulpdu.length + 3) & ~3;
    ByteBuffer fpdu = ByteBuffer.allocate(padded + 4);
    fpdu.putShort((short) ulpdu.length).put(ulpdu);
    return fpdu.putInt(padded, crc(fpdu.array(), padded)).array();
  }

  /** The CRC as it stands on the wire (RFC 5044 section 4.4, bytes as in iSCSI: reversed). */
  static int crc(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return Integer.reverseBytes((int) crc.getValue());
  }

  /** A tagged DDP segment with the last flag. */
  public static byte[] tagged(int opcode, int key, long offset, byte[] payload) {
    return ByteBuffer.allocate(14 + payload.length)
        .put((byte) 0xc1)
        .put((byte) (0x40 | opcode))
        .putInt(key)
        .putLong(offset)
        .put(payload)
        .array();
  }

  /** An untagged DDP segment with the last flag, as the first of its message. */
  public static byte[] untagged(int opcode, int queue, int messageNumber, byte[] payload) {
    return ByteBuffer.allocate(18 + payload.length)
        .put((byte) 0x41)
        .put((byte) (0x40 | opcode))
        .putInt(0)
        .putInt(queue)
        .putInt(messageNumber)
        .putInt(0)
        .put(payload)
        .array();
  }

  /** A read request, whole: FPDU and all. */
  public static byte[] readRequest(
      int messageNumber, int sinkKey, long sinkOffset, int size, int sourceKey, long source) {
    byte[] payload =
        ByteBuffer.allocate(28)
            .putInt(sinkKey)
            .putLong(sinkOffset)
            .putInt(size)
            .putInt(sourceKey)
            .putLong(source)
            .array();
    return fpdu(untagged(OPCODE_READ_REQUEST, 1, messageNumber, payload));
  }

  /** Sends bytes as they are. */
  public void sendBytes(byte[] bytes) throws IOException {
    socket.getOutputStream().write(bytes);
  }

  /** The socket, for what only a socket can do. */
  public Socket socket() {
    return socket;
  }

  /** The next ULPDU, its CRC checked; nothing when the peer closed the connection. */
  public Optional<ByteBuffer> receive() throws IOException {
    byte[] head = new byte[2];
    try {
      in.readFully(head);
      int length = (head[0] & 0xff) << 8 | (head[1] & 0xff);
      int padded = (2 + length + 3) & ~3;
      byte[] all = new byte[padded + 4];
      all[0] = head[0];
      all[1] = head[1];
      in.readFully(all, 2, all.length - 2);
      int expected = crc(all, padded);
      int actual = ByteBuffer.wrap(all).getInt(padded);
      if (expected != actual) {
        throw new IOException("bad CRC from the peer");
      }
      return Optional.of(ByteBuffer.wrap(all, 2, length).slice());
    } catch (EOFException | SocketException _) {
      return Optional.empty();
    }
  }

  /** The opcode of a ULPDU. */
  public static int opcode(ByteBuffer ulpdu) {
    return ulpdu.get(1) & 0x0f;
  }

  /**
   * Reads on until the peer closes; the Terminate it sent before, if any, as the 16 bits of layer,
   * error type and code (RFC 5040 section 4.8).
   */
  public Optional<Integer> terminateOrClosed() throws IOException {
    Optional<Integer> terminate = Optional.empty();
    while (true) {
      Optional<ByteBuffer> next = receive();
      if (next.isEmpty()) {
        return terminate;
      }
      if (opcode(next.get()) == OPCODE_TERMINATE) {
        terminate = Optional.of(next.get().getShort(18) & 0xffff);
      }
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }

  /** Closes with a reset, as a process that crashed does. */
  public void reset() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  /** The answer to an MPA request. */
  public record MpaReply(boolean rejected, int revision, ByteBuffer privateData) {}
}
