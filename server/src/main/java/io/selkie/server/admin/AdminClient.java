package io.selkie.server.admin;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.server.admin.AdminException.Code;
import java.io.EOFException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The other side of {@link AdminServer}: asks a running server. For one thread; waits as long as
 * the server takes.
 */
public final class AdminClient implements AutoCloseable {

  private static final int LINE_BYTES_MAX = 64 << 20;

  /** Little, as the server sends little: copying keeps others from the processor. */
  private static final int READ_BYTES_MAX = 16_384;

  private static final byte[] ROW = "{\"row\":".getBytes(StandardCharsets.US_ASCII);
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Takes an answer as it comes. */
  public interface Reader {
    /** A row as JSON, UTF-8; the array is used again. */
    void row(byte[] json, int offset, int length) throws IOException;

    /** A line for people. */
    void progress(String text);
  }

  private final SocketChannel channel;
  private byte[] buffer = new byte[1 << 17];
  private int start;
  private int end;

  private AdminClient(SocketChannel channel) {
    this.channel = channel;
  }

  /**
   * Connects.
   *
   * @throws IOException when there is no server, or it may not be reached
   */
  public static AdminClient connect(Path socket) throws IOException {
    if (!AdminServer.fits(socket)) {
      throw new IOException("the path is too long for a socket");
    }
    return new AdminClient(SocketChannel.open(UnixDomainSocketAddress.of(socket.toAbsolutePath())));
  }

  /**
   * Asks, and waits for the end of the answer.
   *
   * @return what is in "done"
   * @throws AdminException what is in "error"
   */
  public JsonNode ask(AdminRequest request, Reader reader) throws AdminException, IOException {
    byte[] line = request.json();
    send(ByteBuffer.allocate(line.length + 1).put(line).put((byte) '\n').flip());
    while (true) {
      int length = readLine();
      if (isRow(length)) {
        reader.row(buffer, start + ROW.length, length - ROW.length - 1);
      } else {
        JsonNode answer = JSON.readTree(buffer, start, length);
        if (answer.has("done")) {
          start += length + 1;
          return answer.get("done");
        } else if (answer.has("error")) {
          start += length + 1;
          throw failure(answer.get("error"));
        } else if (answer.has("progress")) {
          reader.progress(answer.get("progress").asText());
        } else if (!answer.has("alive")) {
          throw new IOException("the server said what is not understood: " + answer);
        }
      }
      start += length + 1;
    }
  }

  /** Sends bytes as they are; for tests of what is no request. */
  void send(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private boolean isRow(int length) {
    return length > ROW.length
        && Arrays.equals(buffer, start, start + ROW.length, ROW, 0, ROW.length);
  }

  private static AdminException failure(JsonNode error) {
    List<String> details = new ArrayList<>();
    error.path("details").forEach(detail -> details.add(detail.asText()));
    String word = error.path("code").asText().toUpperCase(Locale.ROOT);
    for (Code code : Code.values()) {
      if (code.name().equals(word)) {
        return new AdminException(code, error.path("message").asText(), details);
      }
    }
    return new AdminException(Code.FAILED, error.path("message").asText(), details);
  }

  /** The length of the line that begins at {@code start}; it is wholly in the buffer. */
  private int readLine() throws IOException {
    int looked = start;
    while (true) {
      for (; looked < end; looked++) {
        if (buffer[looked] == '\n') {
          return looked - start;
        }
      }
      if (start > 0) {
        System.arraycopy(buffer, start, buffer, 0, end - start);
        looked -= start;
        end -= start;
        start = 0;
      }
      if (end == buffer.length) {
        if (end >= LINE_BYTES_MAX) {
          throw new IOException("the server sent a line of more than " + LINE_BYTES_MAX + " bytes");
        }
        buffer = Arrays.copyOf(buffer, 2 * end);
      }
      int most = Math.min(READ_BYTES_MAX, buffer.length - end);
      int read = channel.read(ByteBuffer.wrap(buffer, end, most));
      if (read < 0) {
        throw new EOFException("the server closed the connection before the end of its answer");
      }
      end += read;
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
