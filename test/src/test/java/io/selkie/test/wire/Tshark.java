package io.selkie.test.wire;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.test.support.Ended;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** tshark's opinion of a capture file. */
public final class Tshark {

  private static final int TIMEOUT_SECONDS = 60;

  private final Path file;
  private final List<String> options;

  /**
   * For a file.
   *
   * @param options how to dissect, such as preferences
   */
  public Tshark(Path file, List<String> options) {
    this.file = file;
    this.options = options;
  }

  /**
   * The values of fields in the frames that pass a display filter: a row for each frame, in it a
   * list of values for each field, as many as there are in the frame.
   */
  public List<List<List<String>>> fields(String filter, String... fields) throws Exception {
    List<String> arguments = new ArrayList<>();
    arguments.addAll(List.of("-Y", filter, "-T", "fields", "-E", "separator=|"));
    arguments.addAll(List.of("-E", "occurrence=a", "-E", "aggregator=~"));
    for (String field : fields) {
      arguments.add("-e");
      arguments.add(field);
    }
    return run(arguments)
        .lines()
        .map(line -> line.split("\\|", -1))
        .map(row ->
            Arrays.stream(row)
                .map(cell -> cell.isEmpty() ? List.<String>of() : List.of(cell.split("~")))
                .toList())
        .toList();
  }

  /** All values of one field in the frames that pass a filter, in order. */
  public List<String> values(String filter, String field) throws Exception {
    return fields(filter, field).stream().flatMap(row -> row.getFirst().stream()).toList();
  }

  /** How many frames pass a filter. */
  public int count(String filter) throws Exception {
    return fields(filter, "frame.number").size();
  }

  /** Frames that pass a filter, in one line each, for a message. */
  public String describe(String filter) throws Exception {
    return run(List.of("-Y", filter));
  }

  /** Frames that pass a filter, in full detail of one protocol. */
  public String verbose(String filter, String protocol) throws Exception {
    return run(List.of("-Y", filter, "-V", "-O", protocol));
  }

  private String run(List<String> arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("tshark", "-n", "-2", "-r", file.toString()));
    command.addAll(options);
    command.addAll(arguments);
    Process tshark = new ProcessBuilder(command).start();
    CompletableFuture<String> errors = Ended.said(tshark.getErrorStream());
    String out = new String(tshark.getInputStream().readAllBytes(), UTF_8);
    if (!tshark.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS) || tshark.exitValue() != 0) {
      tshark.destroyForcibly();
      throw new IOException(command + " failed: " + errors.get(TIMEOUT_SECONDS, TimeUnit.SECONDS));
    }
    return out;
  }
}
