package io.selkie.test.drill;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.server.admin.AdminClient;
import io.selkie.server.admin.AdminException;
import io.selkie.server.admin.AdminRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Asks a server through its administrators' socket, each question on a connection of its own.
 *
 * @param socket where it is
 */
record Admin(Path socket) {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Takes a row. */
  @FunctionalInterface
  interface RowReader {
    void row(JsonNode row);
  }

  /** All rows of a list. */
  List<JsonNode> list(String command, Map<String, String> texts) throws IOException {
    List<JsonNode> rows = new ArrayList<>();
    try {
      JsonNode _ = ask(AdminRequest.of(command, texts, List.of(), 0), rows::add);
    } catch (AdminException e) {
      throw new IOException(command + " of the server at " + socket + ": " + e.getMessage(), e);
    }
    return rows;
  }

  /** Has something done and waits until it is. */
  JsonNode act(String command, Map<String, String> texts) throws IOException, AdminException {
    return ask(AdminRequest.of(command, texts, List.of(), 0), row -> {});
  }

  private JsonNode ask(AdminRequest request, RowReader rows) throws IOException, AdminException {
    try (AdminClient client = AdminClient.connect(socket)) {
      return ask(client, request, rows);
    }
  }

  /** Asks on a connection that somebody else may close meanwhile. */
  static JsonNode ask(AdminClient client, AdminRequest request, RowReader rows)
      throws IOException, AdminException {
    return client.ask(
        request,
        new AdminClient.Reader() {
          @Override
          public void row(byte[] json, int offset, int length) throws IOException {
            rows.row(JSON.readTree(json, offset, length));
          }

          @Override
          public void progress(String text) {
            // What goes on meanwhile is told by events.
          }
        });
  }
}
