package io.selkie.rdma.iwarp;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A relay that writes down what passes. */
final class Recording implements AutoCloseable {

  private final TcpRecord file;
  private final InetSocketAddress target;
  private final ServerSocket listening;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  Recording(Path path, InetSocketAddress target) throws IOException {
    this.target = target;
    file = new TcpRecord(path);
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
        TcpRecord.Connection connection = file.connection();
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

  /** Ends the relay; what was recorded is in the file. */
  @Override
  public void close() throws IOException {
    listening.close();
    threads.close();
    file.close();
  }
}
