package io.selkie.server.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A port on loopback that stays while servers behind it come and go. With nobody behind it who
 * answers, connections end at once.
 */
public final class TcpRelay implements AutoCloseable {

  private final ServerSocket listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private volatile InetSocketAddress target;

  /** Listens, with nobody behind it. */
  public TcpRelay() throws IOException {
    Thread.ofPlatform().daemon().name("relay").start(this::accept);
  }

  /** Whose connections those are that come from now on. */
  public void to(InetSocketAddress address) {
    target = address;
  }

  /** Where it is, as a browser names it. */
  public String origin() {
    return "http://127.0.0.1:" + listening.getLocalPort() + "/";
  }

  private void accept() {
    while (!listening.isClosed()) {
      try {
        Socket near = listening.accept();
        open.add(near);
        Thread.ofVirtual().start(() -> carry(near));
      } catch (IOException _) {
        // It is closed, or the one who came has gone.
      }
    }
  }

  private void carry(Socket near) {
    try (near;
        Socket far = new Socket()) {
      open.add(far);
      far.connect(target);
      Thread back = Thread.ofVirtual().start(() -> pump(far, near));
      pump(near, far);
      back.join();
      open.remove(far);
    } catch (IOException _) {
      // Nobody answers.
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } finally {
      open.remove(near);
    }
  }

  /** Until one of them ends; then both do. */
  private static void pump(Socket from, Socket to) {
    try (from;
        to) {
      from.getInputStream().transferTo(to.getOutputStream());
    } catch (IOException _) {
      // The other direction has ended it.
    }
  }

  @Override
  public void close() throws IOException {
    listening.close();
    for (Socket each : open) {
      each.close();
    }
  }
}
