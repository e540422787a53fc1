package io.selkie.test.siw;

import io.selkie.rdma.iwarp.TcpRecord;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Passes octets between the peers, one connection, and can spoil one of them on the way from the
 * one that connects. What passes can be written down.
 */
final class Relay implements AutoCloseable {

  private final ServerSocket listening;
  private final Optional<TcpRecord> record;
  private final Queue<Socket> sockets = new ConcurrentLinkedQueue<>();
  private volatile InetSocketAddress target;
  private volatile boolean spoils;

  Relay() throws IOException {
    this(Optional.empty());
  }

  /** One that writes down what passes; the record is closed by whoever made it. */
  Relay(TcpRecord record) throws IOException {
    this(Optional.of(record));
  }

  private Relay(Optional<TcpRecord> record) throws IOException {
    this.record = record;
    listening = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
  }

  int port() {
    return listening.getLocalPort();
  }

  /** Starts to pass on, to there. */
  void to(InetSocketAddress there) {
    target = there;
    Thread.ofPlatform().name("relay").daemon().start(this::accept);
  }

  /** The last octet of what comes next is changed: one of a CRC. */
  void spoilNext() {
    spoils = true;
  }

  private void accept() {
    try {
      Socket near = listening.accept();
      sockets.add(near);
      Socket far = new Socket(target.getAddress(), target.getPort());
      sockets.add(far);
      near.setTcpNoDelay(true);
      far.setTcpNoDelay(true);
      Optional<TcpRecord.Connection> written = record.map(TcpRecord::connection);
      Thread.ofPlatform().name("relay back").daemon().start(() -> pass(far, near, false, written));
      pass(near, far, true, written);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void pass(
      Socket from, Socket to, boolean forward, Optional<TcpRecord.Connection> written) {
    byte[] octets = new byte[TcpRecord.PAYLOAD_MAX];
    try (InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream()) {
      int count = in.read(octets);
      while (count > 0) {
        if (forward && spoils) {
          spoils = false;
          octets[count - 1] ^= 1;
        }
        int passing = count;
        written.ifPresent(connection -> connection.octets(forward, octets, passing));
        out.write(octets, 0, count);
        count = in.read(octets);
      }
    } catch (IOException e) {
      // Either side may close when it likes; the tests look at why.
      assert e != null;
    }
  }

  @Override
  public void close() throws IOException {
    listening.close();
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}
