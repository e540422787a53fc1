package io.selkie.test.wire;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * ONC RPC over TCP by hand (RFC 5531): sends records right and wrong, and tells how the server took
 * them. Every wait is bounded.
 */
public final class RawRpc implements AutoCloseable {

  private static final int TIMEOUT_MILLIS = 60_000;
  private static final int LAST_FRAGMENT = 1 << 31;
  private static final int NFS_PROGRAM = 100003;
  private static final int NFS_VERSION = 4;

  private final Socket socket;
  private final DataInputStream in;
  private int nextXid = 0x5e110001;
  private int uid;

  private RawRpc(Socket socket) throws IOException {
    this.socket = socket;
    this.in = new DataInputStream(socket.getInputStream());
  }

  /** Connects. */
  public static RawRpc connect(InetSocketAddress address) throws IOException {
    Socket socket = new Socket();
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(TIMEOUT_MILLIS);
    socket.connect(address, TIMEOUT_MILLIS);
    return new RawRpc(socket);
  }

  /** Connects with a receive buffer so small that a peer's answers soon get stuck. */
  public static RawRpc connectWithTinyWindow(InetSocketAddress address) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.setSoTimeout(TIMEOUT_MILLIS);
    socket.connect(address, TIMEOUT_MILLIS);
    return new RawRpc(socket);
  }

  /** The socket, for what only a socket can do. */
  public Socket socket() {
    return socket;
  }

  /** The user that calls name from now on; 0 unless said. */
  public void callAs(int user) {
    uid = user;
  }

  /** The header of a call with AUTH_SYS. */
  public XdrBytes callHeader(int procedure) {
    XdrBytes credentials = new XdrBytes().u32(0).string("raw").u32(uid).u32(uid).u32(0);
    return new XdrBytes()
        .u32(nextXid++)
        .u32(0)
        .u32(2)
        .u32(NFS_PROGRAM)
        .u32(NFS_VERSION)
        .u32(procedure)
        .u32(1)
        .opaque(credentials.bytes())
        .u32(0)
        .u32(0);
  }

  /** The transaction id that the next {@link #callHeader} gets. */
  public int nextXid() {
    return nextXid;
  }

  /** Sends one record in one fragment. */
  public void send(byte[] record) throws IOException {
    sendBytes(framed(record));
  }

  /** A record as one fragment, with its header. */
  public static byte[] framed(byte[] record) {
    ByteBuffer whole = ByteBuffer.allocate(4 + record.length);
    return whole.putInt(record.length | LAST_FRAGMENT).put(record).array();
  }

  /** Sends bytes as they are. */
  public void sendBytes(byte[] bytes) throws IOException {
    socket.getOutputStream().write(bytes);
  }

  /** Receives one whole record. */
  public ByteBuffer receive() throws IOException {
    byte[] record = new byte[0];
    while (true) {
      int header = in.readInt();
      int length = header & ~LAST_FRAGMENT;
      if (length > (64 << 20)) {
        throw new IOException("the server sends a fragment of " + length + " bytes");
      }
      byte[] longer = java.util.Arrays.copyOf(record, record.length + length);
      in.readFully(longer, record.length, length);
      record = longer;
      if ((header & LAST_FRAGMENT) != 0) {
        return ByteBuffer.wrap(record);
      }
    }
  }

  /**
   * What the server does next: an answer, or nothing and the connection is closed. A server that
   * does neither within the time-out fails this with an exception.
   */
  public Optional<ByteBuffer> receiveOrClosed() throws IOException {
    try {
      return Optional.of(receive());
    } catch (EOFException | SocketException _) {
      return Optional.empty();
    }
  }

  /**
   * Whether the server closes the connection, whatever it answers before. Waits as long as the
   * time-out allows.
   */
  public boolean closedByServer() throws IOException {
    try {
      while (in.read() >= 0) {
        // What it still had to say does not matter here.
      }
      return true;
    } catch (SocketException _) {
      return true;
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
}
