package io.selkie.test.siw;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Passes octets between the peers, one connection, and can spoil one of them on the way from the
 * one that connects.
 */
final class Relay implements AutoCloseable {

  private final ServerSocket listening;
  private final Queue<Socket> sockets = new ConcurrentLinkedQueue<>();
  private volatile InetSocketAddress target;
  private volatile boolean spoils;

  Relay() throws IOException {
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
      Thread.ofPlatform().name("relay back").daemon().start(() -> pass(far, near, false));
      pass(near, far, true);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void pass(Socket from, Socket to, boolean maySpoil) {
    byte[] octets = new byte[1 << 16];
    try (InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream()) {
      int count = in.read(octets);
      while (count > 0) {
        if (maySpoil && spoils) {
          spoils = false;
          octets[count - 1] ^= 1;
        }
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
