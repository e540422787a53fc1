package io.selkie.rdma.iwarp;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A relay that writes down what passes, connection by connection, in a record that is closed by
 * whoever made it.
 */
public final class Recording implements AutoCloseable {

  private static final int CONNECTIONS_WAITING = 64;

  private final TcpRecord file;
  private final InetSocketAddress target;
  private final ServerSocket listening;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  /** One on a port of its own. */
  Recording(TcpRecord file, InetSocketAddress target) throws IOException {
    this(file, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), target);
  }

  /**
   * Begins to pass on.
   *
   * @param address where it listens
   * @param target where it passes things on to; its port is that of the record
   */
  public Recording(TcpRecord file, InetSocketAddress address, InetSocketAddress target)
      throws IOException {
    this.file = file;
    this.target = target;
    listening = new ServerSocket(address.getPort(), CONNECTIONS_WAITING, address.getAddress());
    threads.execute(this::accept);
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

  private static void relay(
      Socket from, Socket to, TcpRecord.Connection connection, boolean toServer) {
    byte[] octets = new byte[TcpRecord.PAYLOAD_MAX];
    try (from) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      int count = in.read(octets);
      while (count > 0) {
        connection.octets(toServer, octets, count);
        out.write(octets, 0, count);
        count = in.read(octets);
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
