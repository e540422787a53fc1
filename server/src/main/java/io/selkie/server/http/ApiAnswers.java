package io.selkie.server.http;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.netty.buffer.ByteBuf;
import io.selkie.server.admin.AdminException;
import io.selkie.server.admin.AdminException.Code;
import io.selkie.server.admin.AdminRequest;
import io.selkie.server.admin.AdminService;
import io.selkie.server.admin.AdminSink;
import io.selkie.server.http.ApiRoute.Shape;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns requests into those of {@link AdminService}, and its answers into JSON. Works on the
 * caller's thread, which may block. An answer in rows is
 *
 * <pre>
 *   {"rows":[
 *   {…},
 *   {…}
 *   ],"done":{"rows":2,"truncated":false}}
 * </pre>
 *
 * <p>sent while it is made. When it cannot be made to its end the connection ends before it does.
 */
final class ApiAnswers {

  private static final Logger LOG = LoggerFactory.getLogger(ApiAnswers.class);

  /** Sent at a time: little, so that copying it keeps nobody from the processor for long. */
  static final int PIECE_BYTES = 16 * 1024;

  private static final int TEXT_MAX = 4096;
  private static final String LIMIT = "limit";
  private static final String CONFIRM = "confirm";

  private static final ObjectMapper JSON =
      new ObjectMapper()
          .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .disable(SerializationFeature.FLUSH_AFTER_WRITE_VALUE)
          .disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);

  private final AdminService service;

  /** A question: of one thing only, if there is an id. */
  record Query(ApiRoute route, Optional<String> id, Map<String, List<String>> parameters) {}

  ApiAnswers(AdminService service) {
    this.service = service;
  }

  /** Answers who only looks. */
  void look(Query query, HttpAnswer answer) {
    guarded(
        answer,
        () -> {
          AdminRequest request = request(query);
          if (query.route.shape() == Shape.LIST && query.id.isEmpty()) {
            rows(request, answer);
            return;
          }
          One one = new One();
          Object end = service.answer(request, answer.who(), one);
          answer.json(query.id.isPresent() ? one.row : end);
        });
  }

  private static AdminRequest request(Query query) throws AdminException {
    Map<String, String> texts = new HashMap<>();
    long limit = 0;
    for (Map.Entry<String, List<String>> parameter : query.parameters.entrySet()) {
      String name = parameter.getKey();
      String value = parameter.getValue().getFirst();
      if (parameter.getValue().size() > 1) {
        throw bad("the parameter " + name + " stands twice");
      }
      if (query.route.texts().contains(name)) {
        if (value.length() > TEXT_MAX) {
          throw bad("the parameter " + name + " is longer than " + TEXT_MAX + " characters");
        }
        texts.put(name, value);
      } else if (name.equals(LIMIT) && query.route.shape() == Shape.LIST) {
        limit = limit(value);
      } else {
        throw bad(
            "there is no parameter '%s' for %s; there are %s"
                .formatted(shortened(name), query.route.name(), query.route.texts()));
      }
    }
    query.id.ifPresent(id -> texts.put("id", id));
    return AdminRequest.of(query.route.name(), texts, List.of(), limit);
  }

  private static long limit(String value) throws AdminException {
    if (!value.matches("\\d{1,18}")) {
      throw bad("the parameter limit is no whole number of 0 or more");
    }
    return Long.parseLong(value);
  }

  private static String shortened(String text) {
    return text.length() <= 64 ? text : text.substring(0, 64) + "…";
  }

  private static AdminException bad(String message) {
    return new AdminException(Code.BAD_REQUEST, message);
  }

  /** Does what was asked for. */
  void change(ApiRoute route, byte[] body, HttpAnswer answer) {
    guarded(
        answer,
        () -> {
          AdminRequest request = request(route, body);
          Object end = service.answer(request, answer.who(), new One());
          try {
            answer.json(end);
          } finally {
            // It is done, whether or not somebody is still there to hear it.
            answered(request, answer);
          }
        });
  }

  /** The answer is on its way: what fails here must not become another one. */
  private void answered(AdminRequest request, HttpAnswer answer) {
    try {
      service.answered(request);
    } catch (RuntimeException e) {
      LOG.error("what follows the answer to {} failed", answer.who(), e);
    }
  }

  private static AdminRequest request(ApiRoute route, byte[] body) throws AdminException {
    JsonNode root;
    try {
      root = JSON.readTree(body);
    } catch (IOException e) {
      String reason = e instanceof JsonProcessingException p ? p.getOriginalMessage() : "" + e;
      throw bad("the body is not JSON: " + reason.replaceAll(" \\(start.*", ""));
    }
    if (!(root instanceof ObjectNode object)) {
      throw bad("the body is not an object: {…}");
    }
    JsonNode confirm = object.remove(CONFIRM);
    if (confirm != null && !confirm.isBoolean()) {
      throw bad("\"confirm\" is neither true nor false");
    }
    List<String> unknown = new ArrayList<>();
    object
        .fieldNames()
        .forEachRemaining(name -> {
          if (!route.texts().contains(name) && !route.flags().contains(name)) {
            unknown.add(shortened(name));
          }
        });
    if (!unknown.isEmpty()) {
      throw bad("\"%s\" is not known for %s".formatted(unknown.getFirst(), route.name()));
    }
    for (String name : route.required()) {
      if (!object.has(name)) {
        throw bad("\"%s\" is missing".formatted(name));
      }
    }
    object.put("command", route.name());
    byte[] text = object.toString().getBytes(java.nio.charset.StandardCharsets.UTF_8);
    AdminRequest request = AdminRequest.parse(text, text.length);
    if (route.confirmed() && (confirm == null || !confirm.booleanValue())) {
      throw new AdminException(
          Code.REFUSED, "this takes something from clients: say \"confirm\": true to do it");
    }
    return request;
  }

  // ---------------------------------------------------------------- what may go wrong

  /** Something that answers. */
  private interface Task {
    void run() throws AdminException, IOException, InterruptedException;
  }

  private static void guarded(HttpAnswer answer, Task task) {
    try {
      task.run();
    } catch (AdminException e) {
      answer.refuse(Refusal.of(e));
    } catch (IOException e) {
      LOG.debug("{} is gone", answer.who(), e);
      answer.abort();
    } catch (InterruptedException _) {
      answer.abort();
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.error("a request of {} failed", answer.who(), e);
      answer.refuse(
          new Refusal(
              io.netty.handler.codec.http.HttpResponseStatus.INTERNAL_SERVER_ERROR,
              "failed",
              "a defect of the server: " + e));
    } catch (Error e) {
      LOG.error("a request of {} failed", answer.who(), e);
      answer.abort();
    }
  }

  /** Keeps the last row. */
  private static final class One implements AdminSink {
    private Object row;

    @Override
    public void row(Object next) {
      row = next;
    }

    @Override
    public void progress(String text) {}
  }

  // ---------------------------------------------------------------- rows

  private void rows(AdminRequest request, HttpAnswer answer)
      throws AdminException, IOException, InterruptedException {
    try (Pieces pieces = new Pieces(answer)) {
      Object end;
      try {
        end = service.answer(request, answer.who(), pieces);
      } catch (AdminException | RuntimeException e) {
        if (pieces.begun) {
          LOG.error("a list of {} could not be finished", answer.who(), e);
          answer.abort();
          return;
        }
        throw e;
      }
      pieces.end(end);
    }
  }

  /** Rows on their way into pieces of memory. The first full piece begins the answer. */
  private static final class Pieces extends OutputStream implements AdminSink {
    private final HttpAnswer answer;
    private final JsonGenerator json;
    private final ObjectWriter writer = JSON.writer();
    private ByteBuf piece;
    private boolean begun;
    private boolean any;
    private boolean over;

    Pieces(HttpAnswer answer) throws IOException {
      this.answer = answer;
      this.piece = answer.channel().alloc().buffer(PIECE_BYTES, PIECE_BYTES);
      this.json = JSON.getFactory().createGenerator(this);
      json.setRootValueSeparator(new com.fasterxml.jackson.core.io.SerializedString(""));
    }

    @Override
    public void row(Object row) throws IOException {
      json.writeRaw(any ? ",\n" : "{\"rows\":[\n");
      any = true;
      writer.writeValue(json, row);
    }

    @Override
    public void progress(String text) {}

    void end(Object end) throws IOException, InterruptedException {
      json.writeRaw(any ? "\n],\"done\":" : "{\"rows\":[],\"done\":");
      writer.writeValue(json, end);
      json.writeRaw("}\n");
      json.flush();
      send();
      answer.end();
    }

    private void send() throws IOException {
      if (!begun) {
        begun = true;
        answer.beginList();
      }
      ByteBuf full = piece;
      piece = answer.channel().alloc().buffer(PIECE_BYTES, PIECE_BYTES);
      try {
        answer.piece(full);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw (IOException) new InterruptedIOException("the server stops").initCause(e);
      }
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      if (over) {
        return;
      }
      int from = offset;
      int left = length;
      while (left > 0) {
        if (!piece.isWritable()) {
          send();
        }
        int part = Math.min(left, piece.writableBytes());
        piece.writeBytes(bytes, from, part);
        from += part;
        left -= part;
      }
    }

    /** Whole pieces go by themselves. */
    @Override
    public void flush() {}

    /** What the generator still holds is part of no answer: it is dropped. */
    @Override
    public void close() throws IOException {
      over = true;
      json.close();
      piece.release();
    }
  }
}
