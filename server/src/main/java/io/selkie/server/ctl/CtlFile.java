package io.selkie.server.ctl;

import com.fasterxml.jackson.databind.JsonNode;
import io.selkie.server.admin.AdminRequest;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code show}: all that is known of one file. */
@Command(
    name = "show",
    description = {
      "Show all that is known of one file: its seal, layouts, delegations, opens, locks, recalls,"
          + " and its block map.",
      "A file is a path on the server, or MAJOR:MINOR:INODE as lists show it. It is not opened for"
          + " this: there is a map only while the server has it open."
    },
    mixinStandardHelpOptions = true)
final class CtlFile extends CtlLists.Looking {

  private static final List<String> SECTIONS =
      List.of("layouts", "delegations", "opens", "locks", "recalls", "extents");

  @Parameters(paramLabel = "FILE", description = "The file.")
  private String file;

  @Override
  int once() {
    Map<String, String> texts = Map.of("file", CtlChanges.fileArgument(file));
    return ctl()
        .ask(
            AdminRequest.of("file", texts, List.of(), 0),
            new CtlCommand.Answered() {
              @Override
              public void row(byte[] text, int offset, int length) {}

              @Override
              public int done(JsonNode end) {
                if (ctl().isJson()) {
                  ctl().out().println(end);
                } else {
                  print(end, ctl().out());
                }
                ctl().out().flush();
                return CommandLine.ExitCode.OK;
              }
            });
  }

  private static void print(JsonNode facts, PrintWriter out) {
    out.println("file    " + facts.path("file").asText());
    String path = facts.path("path").asText();
    out.println("path    " + (path.isEmpty() ? "-" : facts.path("export").asText() + path));
    JsonNode map = facts.path("map");
    out.println(
        "map     "
            + (map.isObject()
                ? "%d bytes on %s%s"
                    .formatted(
                        map.path("sizeBytes").asLong(),
                        map.path("device").asText(),
                        map.path("dax").asBoolean() ? ", which is the storage (DAX)" : "")
                : "not open in the server, so not looked at"));
    JsonNode seal = facts.path("seal");
    out.println(
        "seal    "
            + (seal.isObject()
                ? "%s, %s".formatted(seal.path("state").asText(), seal.path("mode").asText())
                : "none"));
    for (String section : SECTIONS) {
      JsonNode rows = facts.path(section);
      out.println();
      out.println(section + (rows.isEmpty() ? ": none" : ":"));
      if (!rows.isEmpty()) {
        Table table = new Table(Lists.COLUMNS.get(section), out);
        rows.forEach(table::add);
        table.end();
      }
    }
    if (facts.path("truncated").asBoolean()) {
      out.println();
      out.println("(lists end early; the commands of their names show all)");
    }
  }
}
