package io.selkie.server.diagnostics;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves {@link DiagnosticsProtocol}: a thread for each connection, blocking reads and writes, no
 * framework, as the plainest thing that TCP can do. At most {@value #CONNECTIONS_MAX} connections.
 */
public final class DiagnosticsServer implements AutoCloseable {

  static final int CONNECTIONS_MAX = 64;

  private static final Logger LOG = LoggerFactory.getLogger(DiagnosticsServer.class);

  private final ServerSocketChannel listener;
  private final Supplier<Map<String, Object>> report;
  private final Consumer<Boolean> events;
  private final ObjectMapper json = new ObjectMapper();
  private final Set<SocketChannel> connections = ConcurrentHashMap.newKeySet();

  /**
   * Listens.
   *
   * @param report what {@link DiagnosticsProtocol#STATS} answers besides the threads' allocations;
   *     called on a connection's thread
   * @param events switches them on and off
   */
  public DiagnosticsServer(
      InetSocketAddress address, Supplier<Map<String, Object>> report, Consumer<Boolean> events)
      throws IOException {
    this.report = report;
    this.events = events;
    this.listener = ServerSocketChannel.open().bind(address, CONNECTIONS_MAX);
    Thread.ofPlatform().name("diagnostics-accept").daemon().start(this::accept);
  }

  /** The bound address. */
  public InetSocketAddress address() {
    try {
      return (InetSocketAddress) listener.getLocalAddress();
    } catch (IOException e) {
      throw new IllegalStateException("closed", e);
    }
  }

  private void accept() {
    while (listener.isOpen()) {
      try {
        SocketChannel connection = listener.accept();
        if (connections.size() >= CONNECTIONS_MAX) {
          LOG.warn("diagnostics: {} connections already, one more was closed", CONNECTIONS_MAX);
          connection.close();
          continue;
        }
        connections.add(connection);
        Thread.ofPlatform().name("diagnostics-echo").daemon().start(() -> serve(connection));
      } catch (IOException e) {
        if (listener.isOpen()) {
          LOG.error("diagnostics: accepting failed, no more connections", e);
          close();
        }
      }
    }
  }

  private void serve(SocketChannel connection) {
    try (connection) {
      connection.setOption(StandardSocketOptions.TCP_NODELAY, true);
      ByteBuffer header = ByteBuffer.allocateDirect(DiagnosticsProtocol.HEADER_BYTES);
      while (true) {
        fill(connection, header.clear());
        header.flip();
        if (header.getInt() != DiagnosticsProtocol.MAGIC) {
          throw new IOException("not a diagnostics header");
        }
        int command = header.getInt();
        int requestBytes = header.getInt();
        int replyBytes = header.getInt();
        switch (command) {
          case DiagnosticsProtocol.ECHO -> echo(connection, requestBytes, replyBytes);
          case DiagnosticsProtocol.STATS -> write(connection, stats());
          case DiagnosticsProtocol.EVENTS -> {
            events.accept(replyBytes != 0);
            write(connection, ByteBuffer.allocate(Integer.BYTES));
          }
          default -> throw new IOException("unknown diagnostics command " + command);
        }
      }
    } catch (EOFException _) {
      // The peer is done.
    } catch (IOException e) {
      LOG.debug("diagnostics connection ended", e);
    } finally {
      connections.remove(connection);
    }
  }

  private static void echo(SocketChannel connection, int requestBytes, int replyBytes)
      throws IOException {
    if (requestBytes < 1
        || replyBytes < 1
        || requestBytes > DiagnosticsProtocol.MESSAGE_BYTES_MAX
        || replyBytes > DiagnosticsProtocol.MESSAGE_BYTES_MAX) {
      throw new IOException("echo of " + requestBytes + " and " + replyBytes + " bytes");
    }
    ByteBuffer request = ByteBuffer.allocateDirect(requestBytes);
    ByteBuffer reply = ByteBuffer.allocateDirect(replyBytes);
    while (true) {
      fill(connection, request.clear());
      write(connection, reply.clear());
    }
  }

  private ByteBuffer stats() throws JsonProcessingException {
    Map<String, Object> values = new LinkedHashMap<>(report.get());
    values.put("allocatedBytes", ThreadAllocations.byGroup());
    byte[] text = json.writeValueAsBytes(values);
    return ByteBuffer.allocate(Integer.BYTES + text.length).putInt(text.length).put(text).flip();
  }

  private static void fill(SocketChannel connection, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      if (connection.read(buffer) < 0) {
        throw new EOFException();
      }
    }
  }

  private static void write(SocketChannel connection, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      connection.write(buffer);
    }
  }

  /** Stops listening and closes every connection. Idempotent. */
  @Override
  public void close() {
    closeQuietly(listener);
    connections.forEach(DiagnosticsServer::closeQuietly);
  }

  private static void closeQuietly(AutoCloseable channel) {
    try {
      channel.close();
    } catch (Exception e) {
      LOG.debug("closing {}", channel, e);
    }
  }
}
