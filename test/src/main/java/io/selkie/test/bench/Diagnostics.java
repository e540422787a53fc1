package io.selkie.test.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.server.diagnostics.DiagnosticsProtocol;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Map;
import java.util.TreeMap;

/**
 * A server's counters, over its diagnostics listener. Not safe for use by several threads; each
 * report is waited for.
 */
public final class Diagnostics implements AutoCloseable {

  private static final int REPORT_BYTES_MAX = 64 << 20;

  private final SocketChannel channel;
  private final ObjectMapper mapper = new ObjectMapper();

  /** Connects. */
  public Diagnostics(InetSocketAddress address) throws IOException {
    channel = SocketChannel.open(address);
    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
  }

  /** Whether the server keeps events and times operations, from now on. */
  public void events(boolean on) throws IOException {
    ask(DiagnosticsProtocol.EVENTS, on ? 1 : 0);
    readAll(channel, ByteBuffer.allocate(Integer.BYTES));
  }

  private void ask(int command, int replyBytes) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(DiagnosticsProtocol.HEADER_BYTES);
    header.putInt(DiagnosticsProtocol.MAGIC).putInt(command).putInt(0).putInt(replyBytes);
    writeAll(channel, header.flip());
  }

  /** One report. */
  public JsonNode report() throws IOException {
    ask(DiagnosticsProtocol.STATS, 0);
    ByteBuffer length = readAll(channel, ByteBuffer.allocate(Integer.BYTES)).flip();
    int bytes = length.getInt();
    if (bytes < 0 || bytes > REPORT_BYTES_MAX) {
      throw new IOException("the server announces a report of " + bytes + " bytes");
    }
    return mapper.readTree(readAll(channel, ByteBuffer.allocate(bytes)).array());
  }

  /**
   * Bytes that the server's threads have allocated so far, by group of threads; those of this
   * listener are left out, because asking allocates.
   */
  public Map<String, Long> allocatedBytes() throws IOException {
    Map<String, Long> groups = new TreeMap<>();
    report()
        .path("allocatedBytes")
        .properties()
        .forEach(entry -> groups.put(entry.getKey(), entry.getValue().asLong()));
    if (groups.isEmpty()) {
      throw new IOException("the server's Java machine does not count allocations");
    }
    groups.keySet().removeIf(group -> group.startsWith("diagnostics"));
    return groups;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  static ByteBuffer readAll(SocketChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      if (channel.read(buffer) < 0) {
        throw new EOFException("the server closed the diagnostics connection");
      }
    }
    return buffer;
  }

  static void writeAll(SocketChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }
}
