package io.selkie.server.ctl;

import com.fasterxml.jackson.databind.JsonNode;
import io.selkie.server.ctl.Table.Column;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What each list shows to people. */
final class Lists {

  private static final Column CLIENT = Column.of("CLIENT", "client");
  private static final Column EXPORT = Column.of("EXPORT", "export");
  private static final Column STATE = Column.of("STATE", "state");
  private static final Column MODE = Column.of("MODE", "mode");
  private static final Column FILE = Column.of("FILE", "file");
  private static final Column PATH = Column.of("PATH", "path");
  private static final Column RECALL = Column.made("RECALL", row -> recall(row.path("recall")));

  private static final Map<String, List<Column>> MOST =
      Map.of(
          "exports",
          List.of(
              Column.of("NAME", "name"),
              Column.made("ACCESS", row -> row.path("readOnly").asBoolean() ? "ro" : "rw"),
              Column.made("LAYOUTS", row -> yes(row.path("layouts"))),
              Column.made("RDMA", row -> yes(row.path("direct"))),
              Column.of("DAX", "dax"),
              Column.of("FS", "fileSystem"),
              Column.of("DEVICE", "device"),
              Column.of("HANDLES", "handles"),
              Column.made("CLIENTS", row -> rules(row.path("clients"))),
              PATH),
          "clients",
          List.of(
              CLIENT,
              STATE,
              Column.of("ADDRESS", "address"),
              Column.number("SESSIONS", "sessions"),
              Column.made("CALLABLE", row -> yes(row.path("backChannel"))),
              Column.number("LAYOUTS", "layouts"),
              Column.number("FILES", "layoutFiles"),
              Column.number("DELEGATIONS", "delegations"),
              Column.made("SILENT", row -> seconds(row.path("silentMillis"))),
              Column.of("OWNER", "owner")),
          "sessions",
          List.of(
              Column.of("SESSION", "session"),
              CLIENT,
              Column.number("SLOTS", "slots"),
              Column.made("CALLABLE", row -> yes(row.path("backChannel"))),
              Column.made("CONNECTIONS", row -> connections(row.path("connections")))),
          "layouts",
          List.of(
              CLIENT,
              MODE,
              Column.number("OFFSET", "offset"),
              Column.number("LENGTH", "length"),
              STATE,
              RECALL,
              EXPORT,
              FILE,
              PATH),
          "delegations",
          List.of(CLIENT, MODE, STATE, RECALL, EXPORT, FILE, PATH),
          "seals",
          List.of(
              FILE,
              STATE,
              MODE,
              Column.made("STORAGE", row -> yes(row.path("exact"))),
              Column.number("HANDLES", "handles"),
              Column.number("CLIENTS", "clients"),
              Column.number("DELEGATIONS", "delegations"),
              RECALL,
              EXPORT,
              PATH),
          "opens",
          List.of(
              CLIENT,
              Column.of("ACCESS", "access"),
              Column.of("DENY", "deny"),
              STATE,
              EXPORT,
              FILE,
              PATH),
          "locks",
          List.of(
              CLIENT,
              MODE,
              Column.number("OFFSET", "offset"),
              Column.made(
                  "LENGTH",
                  row -> row.path("length").isNull() ? "to-end" : row.path("length").asText()),
              STATE,
              EXPORT,
              FILE,
              PATH),
          "devices",
          List.of(
              Column.of("KIND", "kind"),
              Column.of("ID", "id"),
              Column.of("PROVIDER", "provider"),
              Column.of("ADDRESS", "address"),
              Column.number("QUEUE-PAIRS", "queuePairs"),
              Column.made("EXPORTS", row -> names(row.path("exports"))),
              Column.of("NOTE", "note")),
          "log",
          List.of(Column.of("LEVEL", "level"), Column.of("LOGGER", "logger")));

  static final Map<String, List<Column>> COLUMNS = withBadBlocks();

  private Lists() {}

  private static Map<String, List<Column>> withBadBlocks() {
    Map<String, List<Column>> all = new HashMap<>(MOST);
    all.put(
        "badblocks",
        List.of(
            Column.of("LIST", "list"),
            Column.number("OFFSET", "offset"),
            Column.number("BYTES", "bytes")));
    all.put(
        "extents",
        List.of(
            Column.number("OFFSET", "offset"),
            Column.number("LENGTH", "length"),
            Column.of("PHYSICAL", "physical"),
            STATE));
    all.put(
        "recalls",
        List.of(
            Column.of("RECALL", "id"),
            Column.of("CAUSE", "cause"),
            Column.of("OUTCOME", "outcome"),
            Column.made("AGO", row -> seconds(row.path("agoMillis")))));
    return Map.copyOf(all);
  }

  private static String yes(JsonNode value) {
    return value.asBoolean() ? "yes" : "no";
  }

  private static String recall(JsonNode recall) {
    return recall.isObject()
        ? "#%d %s %s"
            .formatted(
                recall.path("id").asLong(),
                recall.path("cause").asText(),
                seconds(recall.path("remainingMillis")))
        : "-";
  }

  private static String seconds(JsonNode millis) {
    return String.format(Locale.ROOT, "%.1fs", millis.asLong() / 1000.0);
  }

  private static String rules(JsonNode rules) {
    if (rules.isEmpty()) {
      return "*";
    }
    List<String> hosts = new ArrayList<>();
    rules.forEach(rule ->
        hosts.add(rule.path("hosts").asText() + (rule.path("readOnly").asBoolean() ? "(ro)" : "")));
    return String.join(" ", hosts);
  }

  private static String connections(JsonNode connections) {
    List<String> all = new ArrayList<>();
    connections.forEach(
        each -> all.add(each.path("remote").asText() + (each.path("back").asBoolean() ? "*" : "")));
    return all.isEmpty() ? "-" : String.join(" ", all);
  }

  private static String names(JsonNode names) {
    List<String> all = new ArrayList<>();
    names.forEach(name -> all.add(name.asText()));
    return all.isEmpty() ? "-" : String.join(" ", all);
  }
}
