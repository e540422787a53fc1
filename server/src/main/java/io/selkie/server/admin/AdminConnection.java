package io.selkie.server.admin;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.io.SerializedString;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.selkie.config.time.Timers;
import io.selkie.server.admin.AdminException.Code;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One administrator's connection. Requests and answers are lines of JSON, UTF-8, each ended by a
 * line feed:
 *
 * <pre>
 *   client                                server
 *     |  {"command":"layouts","limit":2}    |     at most REQUEST_BYTES_MAX
 *     | ----------------------------------&gt; |
 *     |  {"row":{…}}                        |     none or more, as they are made
 *     |  {"row":{…}}                        |
 *     |  {"progress":"…"}                   |     at any time before the end
 *     |  {"alive":true}                     |     now and then, when there is nothing to tell
 *     | &lt;---------------------------------- |
 *     |  {"done":{…}}                       |     the end: either this
 *     |  {"error":{"code":"…","message":"…","details":[…]}}     or this
 *     | &lt;---------------------------------- |
 *     |  the next request, or the end       |
 * </pre>
 *
 * <p>Who neither asks nor reads for {@link #STALL_SECONDS} is cut off. What is written comes from
 * iterators that hold no lock, so a slow reader is in nobody's way.
 */
final class AdminConnection {

  /** Longest line of a request. */
  static final int REQUEST_BYTES_MAX = 65_536;

  /** How long nothing may move, unless a command is being worked on. */
  static final int STALL_SECONDS = 30;

  /**
   * Sent at a time. A kernel that does not preempt itself keeps whoever wakes up on this processor
   * waiting while it copies.
   */
  private static final int BUFFER_BYTES = 16_384;

  private static final Logger LOG = LoggerFactory.getLogger(AdminConnection.class);

  private static final ObjectMapper JSON =
      new ObjectMapper()
          .disable(SerializationFeature.FLUSH_AFTER_WRITE_VALUE)
          .disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);

  private static final ObjectWriter WRITER = JSON.writer();

  private record Failure(String code, String message, List<String> details) {}

  private final SocketChannel channel;
  private final String who;
  private final AdminService service;
  private final Timers timers;
  private final byte[] line = new byte[REQUEST_BYTES_MAX];
  private final ByteBuffer in = ByteBuffer.allocate(4096).flip();

  AdminConnection(SocketChannel channel, String who, AdminService service, Timers timers) {
    this.channel = channel;
    this.who = who;
    this.service = service;
    this.timers = timers;
  }

  /** Says no, and closes. One line fits into any socket's buffer, so nobody is waited for. */
  void refuse(AdminException why) {
    try (channel;
        Answer answer = new Answer()) {
      answer.end("error", failure(why));
    } catch (IOException e) {
      LOG.debug("administrator {} was refused and did not hear it", who, e);
    }
  }

  /** Answers until the peer goes, or is cut off. */
  void serve() {
    try (channel) {
      while (true) {
        Optional<Integer> length = readLine();
        if (length.isEmpty()) {
          return;
        }
        if (!answer(length.get())) {
          return;
        }
      }
    } catch (ClosedChannelException _) {
      LOG.debug("administrator {} was cut off", who);
    } catch (IOException e) {
      LOG.debug("administrator {} is gone", who, e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** Whether the next request may come. */
  private boolean answer(int length) throws IOException, InterruptedException {
    try (Answer answer = new Answer()) {
      try {
        if (length > REQUEST_BYTES_MAX) {
          throw new AdminException(
              Code.BAD_REQUEST, "the request is longer than " + REQUEST_BYTES_MAX + " bytes");
        }
        AdminRequest request = AdminRequest.parse(line, length);
        Object end = service.answer(request, who, answer);
        try {
          answer.end("done", end);
        } finally {
          // It is done, whether or not somebody is still there to hear it.
          service.answered(request);
        }
      } catch (AdminException e) {
        answer.end("error", failure(e));
      } catch (RuntimeException e) {
        LOG.error("a request of administrator {} failed", who, e);
        answer.end("error", new Failure("failed", "a defect of the server: " + e, List.of()));
      }
    }
    return length <= REQUEST_BYTES_MAX;
  }

  private static Failure failure(AdminException e) {
    return new Failure(e.code().name().toLowerCase(Locale.ROOT), e.getMessage(), e.details());
  }

  /** The length of the next line; more than the most when it is too long; empty at the end. */
  private Optional<Integer> readLine() throws IOException {
    Timers.Timer stall = armed();
    try {
      int length = 0;
      while (true) {
        while (in.hasRemaining()) {
          byte next = in.get();
          if (next == '\n') {
            return Optional.of(length);
          }
          if (length == REQUEST_BYTES_MAX) {
            return Optional.of(length + 1);
          }
          line[length++] = next;
        }
        int read = channel.read(in.clear());
        in.flip();
        if (read < 0) {
          return Optional.empty();
        }
      }
    } finally {
      stall.cancel();
    }
  }

  private Timers.Timer armed() {
    return timers.schedule(TimeUnit.SECONDS.toNanos(STALL_SECONDS), this::close);
  }

  void close() {
    closeQuietly(channel);
  }

  static void closeQuietly(AutoCloseable channel) {
    try {
      channel.close();
    } catch (Exception e) {
      LOG.debug("closing {}", channel, e);
    }
  }

  /** Lines of one answer. */
  private final class Answer extends OutputStream implements AdminSink {
    private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
    private final JsonGenerator json;

    Answer() throws IOException {
      json = JSON.getFactory().createGenerator(this);
      json.setRootValueSeparator(new SerializedString(""));
    }

    @Override
    public void row(Object row) throws IOException {
      write("row", row);
    }

    @Override
    public void progress(String text) throws IOException {
      write("progress", text);
      send();
    }

    @Override
    public void pause() throws IOException {
      json.flush();
      if (buffer.position() == 0) {
        write("alive", true);
      }
      send();
    }

    void end(String key, Object value) throws IOException {
      write(key, value);
      send();
    }

    private void write(String key, Object value) throws IOException {
      json.writeStartObject();
      json.writeFieldName(key);
      WRITER.writeValue(json, value);
      json.writeEndObject();
      json.writeRaw('\n');
    }

    private void send() throws IOException {
      json.flush();
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      int from = offset;
      int left = length;
      while (left > 0) {
        if (!buffer.hasRemaining()) {
          flush();
        }
        int piece = Math.min(left, buffer.remaining());
        buffer.put(bytes, from, piece);
        from += piece;
        left -= piece;
      }
    }

    @Override
    public void flush() throws IOException {
      buffer.flip();
      if (buffer.hasRemaining()) {
        Timers.Timer stall = armed();
        try {
          while (buffer.hasRemaining()) {
            channel.write(buffer);
          }
        } finally {
          stall.cancel();
        }
      }
      buffer.clear();
    }

    /** What was not sent is not sent any more: the connection ends. */
    @Override
    public void close() throws IOException {
      buffer.clear();
      json.close();
    }
  }
}
