package io.selkie.rdma.iwarp;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A relay that writes down what passes, connection by connection, in a record that is closed by
 * whoever made it.
 */
public final class Recording implements AutoCloseable {

  /** What stands in packets of its own, so that it does not depend on who was faster. */
  public interface Pieces {
    /** The next octets that belong together; none at the end. */
    byte[] next(InputStream in) throws IOException;
  }

  private static final int CONNECTIONS_WAITING = 64;
  private static final int RECORD_BYTES_MAX = 16 << 20;

  private final TcpRecord file;
  private final InetSocketAddress target;
  private final ServerSocket listening;
  private final Pieces pieces;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  /** One on a port of its own. */
  Recording(TcpRecord file, InetSocketAddress target) throws IOException {
    this(
        file,
        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
        target,
        Recording::asItComes);
  }

  /**
   * Begins to pass on.
   *
   * @param address where it listens
   * @param target where it passes things on to; its port is that of the record
   * @param pieces what begins a packet
   */
  public Recording(
      TcpRecord file, InetSocketAddress address, InetSocketAddress target, Pieces pieces)
      throws IOException {
    this.pieces = pieces;
    this.file = file;
    this.target = target;
    listening = new ServerSocket(address.getPort(), CONNECTIONS_WAITING, address.getAddress());
    threads.execute(this::accept);
  }

  /** Whatever is there. */
  public static byte[] asItComes(InputStream in) throws IOException {
    byte[] octets = new byte[TcpRecord.PAYLOAD_MAX];
    int count = in.read(octets);
    return Arrays.copyOf(octets, Math.max(0, count));
  }

  /** A fragment of an RPC record: RFC 5531 section 11. */
  public static byte[] rpcFragment(InputStream in) throws IOException {
    byte[] head = in.readNBytes(Integer.BYTES);
    if (head.length < Integer.BYTES) {
      return head;
    }
    int length = ByteBuffer.wrap(head).getInt() & Integer.MAX_VALUE;
    if (length > RECORD_BYTES_MAX) {
      throw new IOException("a record of " + length + " octets");
    }
    byte[] fragment = Arrays.copyOf(head, head.length + length);
    int count = in.readNBytes(fragment, head.length, length);
    return Arrays.copyOf(fragment, head.length + count);
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return (InetSocketAddress) listening.getLocalSocketAddress();
  }

  private void accept() {
    try {
      while (true) {
        Socket client = listening.accept();
        Socket server = new Socket(target.getAddress(), target.getPort());
        client.setTcpNoDelay(true);
        server.setTcpNoDelay(true);
        TcpRecord.Connection connection = file.connection(target.getPort());
        threads.execute(() -> relay(client, server, connection, true));
        threads.execute(() -> relay(server, client, connection, false));
      }
    } catch (IOException e) {
      // The listening socket was closed: the recording is over.
      threads.shutdown();
    }
  }

  private void relay(Socket from, Socket to, TcpRecord.Connection connection, boolean toServer) {
    try (from) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      byte[] piece = pieces.next(in);
      while (piece.length > 0) {
        for (int at = 0; at < piece.length; at += TcpRecord.PAYLOAD_MAX) {
          int end = Math.min(piece.length, at + TcpRecord.PAYLOAD_MAX);
          connection.octets(toServer, Arrays.copyOfRange(piece, at, end), end - at);
        }
        out.write(piece);
        piece = pieces.next(in);
      }
      connection.end(toServer);
      to.shutdownOutput();
    } catch (IOException e) {
      connection.end(toServer);
    }
  }

  /** Ends the relay, once all that it passes on has ended; that is in the record then. */
  @Override
  public void close() throws IOException {
    listening.close();
    threads.close();
  }
}
