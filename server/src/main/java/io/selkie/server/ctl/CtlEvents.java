package io.selkie.server.ctl;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.server.admin.AdminRequest;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code selkie ctl events}: what happened. */
@Command(
    name = "events",
    description = {
      "What happened: seals, layouts, recalls, fences, slow operations. The server keeps the last"
          + " 10,000.",
      "All lines of one recall have its number. With --json there is one object to a line."
    },
    mixinStandardHelpOptions = true)
final class CtlEvents implements Callable<Integer> {

  private static final ObjectMapper JSON = new ObjectMapper();

  @ParentCommand private CtlCommand ctl;

  @Spec private CommandSpec spec;

  @Option(
      names = "--last",
      paramLabel = "N",
      description = "At most so many of those that were. Default: all, and 10 with --follow.")
  private Optional<Long> last = Optional.empty();

  @Option(names = "--follow", description = "Go on with those that come, until interrupted.")
  private boolean follow;

  @Option(names = "--recall", paramLabel = "N", description = "Only those of the recall N.")
  private Optional<Long> recall = Optional.empty();

  @Option(names = "--client", paramLabel = "CLIENT", description = "Only those of this client.")
  private Optional<String> client = Optional.empty();

  @Option(
      names = "--file",
      paramLabel = "FILE",
      description = "Only those of a file: its path on the server, or as lists call it.")
  private Optional<String> file = Optional.empty();

  private CtlEvents() {}

  @Override
  public Integer call() {
    if (last.isPresent() && last.get() < 1) {
      throw new ParameterException(spec.commandLine(), "--last takes 1 or more");
    }
    Map<String, String> texts = new HashMap<>();
    recall.ifPresent(number -> texts.put("id", Long.toString(number)));
    client.ifPresent(id -> texts.put("client", id));
    file.ifPresent(name -> texts.put("file", CtlChanges.fileArgument(name)));
    if (follow) {
      texts.put("action", "follow");
    }
    long most = last.orElse(follow ? 10L : 0L);
    return ctl.ask(
        AdminRequest.of("events", texts, List.of(), most), new Lines(ctl.out(), ctl.isJson()));
  }

  /** One line for each, at once. */
  private record Lines(PrintWriter out, boolean json) implements CtlCommand.Answered {
    @Override
    public void row(byte[] text, int offset, int length) throws IOException {
      if (json) {
        out.println(new String(text, offset, length, StandardCharsets.UTF_8));
      } else {
        out.println(line(JSON.readTree(text, offset, length)));
      }
      if (out.checkError()) {
        throw new IOException("nobody takes what is printed");
      }
    }

    @Override
    public int done(JsonNode end) {
      out.flush();
      return CommandLine.ExitCode.OK;
    }
  }

  private static String line(JsonNode row) {
    StringBuilder line = new StringBuilder(row.path("at").asText());
    line.append("  ").append("%-20s".formatted(row.path("event").asText()));
    add(line, row, "recall", "recall ");
    add(line, row, "client", "client ");
    add(line, row, "path", "");
    add(line, row, "cause", "");
    if (row.path("bytes").asLong() != 0) {
      line.append("  ").append(row.path("bytes").asLong()).append(" bytes");
    }
    if (row.hasNonNull("micros")) {
      line.append("  ").append(row.path("micros").asLong()).append(" us");
    }
    add(line, row, "detail", "");
    return line.toString();
  }

  private static void add(StringBuilder line, JsonNode row, String field, String before) {
    JsonNode value = row.path(field);
    if (!value.isMissingNode() && !value.isNull() && !value.asText().isEmpty()) {
      line.append("  ").append(before).append(value.asText());
    }
  }
}
