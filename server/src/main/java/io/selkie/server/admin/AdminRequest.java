package io.selkie.server.admin;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.selkie.server.admin.AdminException.Code;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What an administrator asks: a word, and what it is about. As JSON it is one object, such as
 * {@code {"command":"layouts","client":"6a0b000000000001","limit":100}}.
 *
 * @param command what to list or to do; {@link AdminService#COMMANDS}
 * @param id of the one thing to show
 * @param client a client's id, in hexadecimal digits
 * @param export an export's name
 * @param file a path on the server, or {@code MAJOR:MINOR:INODE} as lists show it
 * @param device an RDMA device's id, or {@code MAJOR:MINOR} of a file system
 * @param state only rows in this state
 * @param all whether everything is meant, where that has to be said
 * @param dryRun only say what would be done
 * @param noWait do not wait until it is done
 * @param action what to do, where a command does several things
 * @param name of a logger
 * @param level a log level
 * @param limit most rows; 0 for all
 */
public record AdminRequest(
    String command,
    Optional<String> id,
    Optional<String> client,
    Optional<String> export,
    Optional<String> file,
    Optional<String> device,
    Optional<String> state,
    boolean all,
    boolean dryRun,
    boolean noWait,
    Optional<String> action,
    Optional<String> name,
    Optional<String> level,
    long limit) {

  private static final int TEXT_MAX = 4096;
  private static final List<String> TEXTS =
      List.of(
          "command", "id", "client", "export", "file", "device", "state", "action", "name",
          "level");
  private static final List<String> FLAGS = List.of("all", "dryRun", "noWait");
  private static final String LIMIT = "limit";
  private static final ObjectMapper JSON =
      new ObjectMapper()
          .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  /** Just a word. */
  public static AdminRequest of(String command) {
    return of(command, Map.of(), List.of(), 0);
  }

  /**
   * With values.
   *
   * @param texts of the components that are texts, by name
   * @param flags names of those that are set
   */
  public static AdminRequest of(
      String command, Map<String, String> texts, List<String> flags, long limit) {
    return new AdminRequest(
        command,
        Optional.ofNullable(texts.get("id")),
        Optional.ofNullable(texts.get("client")),
        Optional.ofNullable(texts.get("export")),
        Optional.ofNullable(texts.get("file")),
        Optional.ofNullable(texts.get("device")),
        Optional.ofNullable(texts.get("state")),
        flags.contains("all"),
        flags.contains("dryRun"),
        flags.contains("noWait"),
        Optional.ofNullable(texts.get("action")),
        Optional.ofNullable(texts.get("name")),
        Optional.ofNullable(texts.get("level")),
        limit);
  }

  /** Reads one, or says exactly what is wrong with it. */
  public static AdminRequest parse(byte[] text, int length) throws AdminException {
    JsonNode root;
    try {
      root = JSON.readTree(text, 0, length);
    } catch (JsonProcessingException e) {
      throw bad("the request is not JSON: " + e.getOriginalMessage().replaceAll(" \\(start.*", ""));
    } catch (IOException e) {
      throw bad("the request cannot be read: " + e.getMessage());
    }
    if (!(root instanceof ObjectNode object)) {
      throw bad("the request is not an object: {\"command\": …}");
    }
    HashMap<String, String> texts = new HashMap<>();
    ArrayList<String> flags = new ArrayList<>();
    long limit = 0;
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      String key = entry.getKey();
      JsonNode value = entry.getValue();
      if (TEXTS.contains(key) && value.isTextual() && value.textValue().length() <= TEXT_MAX) {
        texts.put(key, value.textValue());
      } else if (FLAGS.contains(key) && value.isBoolean()) {
        if (value.booleanValue()) {
          flags.add(key);
        }
      } else if (key.equals(LIMIT) && value.canConvertToLong() && value.longValue() >= 0) {
        limit = value.longValue();
      } else if (TEXTS.contains(key)) {
        throw bad("\"" + key + "\" is no text of at most " + TEXT_MAX + " characters");
      } else if (FLAGS.contains(key)) {
        throw bad("\"" + key + "\" is neither true nor false");
      } else if (key.equals(LIMIT)) {
        throw bad("\"limit\" is no whole number of 0 or more");
      } else {
        throw bad("\"" + shortened(key) + "\" is not known in a request");
      }
    }
    String command = texts.get("command");
    if (command == null) {
      throw bad("the request has no \"command\"");
    }
    return of(command, texts, flags, limit);
  }

  /** What narrows a list down, by name, in the order in which people are told of it. */
  Map<String, Optional<String>> filters() {
    Map<String, Optional<String>> filters = new LinkedHashMap<>();
    filters.put("client", client);
    filters.put("export", export);
    filters.put("file", file);
    filters.put("device", device);
    filters.put("state", state);
    return filters;
  }

  private static String shortened(String text) {
    return text.length() <= 64 ? text : text.substring(0, 64) + "…";
  }

  private static AdminException bad(String message) {
    return new AdminException(Code.BAD_REQUEST, message);
  }

  /** As one line of JSON, without its end. */
  public byte[] json() {
    ObjectNode object = JSON.createObjectNode();
    object.put("command", command);
    id.ifPresent(text -> object.put("id", text));
    client.ifPresent(text -> object.put("client", text));
    export.ifPresent(text -> object.put("export", text));
    file.ifPresent(text -> object.put("file", text));
    device.ifPresent(text -> object.put("device", text));
    state.ifPresent(text -> object.put("state", text));
    action.ifPresent(text -> object.put("action", text));
    name.ifPresent(text -> object.put("name", text));
    level.ifPresent(text -> object.put("level", text));
    if (all) {
      object.put("all", true);
    }
    if (dryRun) {
      object.put("dryRun", true);
    }
    if (noWait) {
      object.put("noWait", true);
    }
    if (limit > 0) {
      object.put(LIMIT, limit);
    }
    try {
      return JSON.writeValueAsBytes(object);
    } catch (JsonProcessingException e) {
      throw new AssertionError("an object of texts", e);
    }
  }
}
