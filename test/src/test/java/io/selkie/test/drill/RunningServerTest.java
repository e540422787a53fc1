package io.selkie.test.drill;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** Goal: the command plays on somebody's running server, and leaves it as it was. */
@Tag("slow")
class RunningServerTest {

  private static final String WRONG =
      """
      about: a client that answers is expected to be fenced
      files:
        - {name: db}
      clients:
        - {name: anna, onRecall: answer}
      steps:
        - layoutget: {client: anna, file: db}
        - recall: {client: anna}
      expect:
        - fenced: {client: anna}
      """;

  private final StringWriter said = new StringWriter();
  private ScratchDirectory scratch;
  private Path export;
  private Path socket;
  private ServerProcess server;

  @BeforeEach
  void start() throws Exception {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    scratch = ScratchDirectory.in(base, "running-");
    export = Files.createDirectory(scratch.resolve("export"));
    Files.writeString(export.resolve("precious"), "somebody's");
    server =
        ServerProcess.of(export)
            .config("layout: {recallTimeoutMillis: 20000, fenceBudgetMillis: 1000}\n")
            .jvmFlags("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
            .start();
    socket = scratch.resolve("export.state").resolve("state").resolve("ctl.sock");
  }

  @AfterEach
  void stop() throws Exception {
    try (ScratchDirectory _ = scratch;
        ServerProcess _ = server) {
      // Both are closed, whatever becomes of the other.
    }
  }

  private int drill(String... more) {
    CommandLine command =
        new CommandLine(new DrillCommand.Factory().create())
            .setOut(new PrintWriter(said, true))
            .setErr(new PrintWriter(said, true));
    String host = "127.0.0.1:" + server.nfs().getPort();
    List<String> where =
        List.of("--server", host, "--path", export.toString(), "--socket", socket.toString());
    return command.execute(Stream.concat(where.stream(), Stream.of(more)).toArray(String[]::new));
  }

  private void assertServerIsAsItWas() throws Exception {
    assertThat(server.isAlive()).isTrue();
    try (Stream<Path> left = Files.list(export)) {
      assertThat(left.map(Path::getFileName).map(Path::toString)).containsExactly("precious");
    }
    assertThat(new Admin(socket).list("clients", Map.of())).isEmpty();
    assertThat(new Admin(socket).list("layouts", Map.of())).isEmpty();
  }

  @Test
  void scenarioIsPlayedReportedAndLeavesNothingBehind() throws Exception {
    Path junit = scratch.resolve("junit.xml");
    Path json = scratch.resolve("report.json");
    Path picture = scratch.resolve("picture.svg");

    int status =
        drill(
            "answers-at-once",
            "--report-junit",
            junit.toString(),
            "--report-json",
            json.toString(),
            "--timeline",
            picture.toString());

    assertThat(status).as(said.toString()).isZero();
    assertThat(junit).content().contains("<testsuite name=\"answers-at-once\"");
    assertThat(json).content().contains("\"ok\" : true");
    assertThat(picture).content().startsWith("<svg ");
    assertServerIsAsItWas();
  }

  @Test
  void whatIsNotAsExpectedEndsWithOneAndLeavesNothingBehindEither() throws Exception {
    Path mine = Files.writeString(scratch.resolve("mine.yaml"), WRONG);

    assertThat(drill(mine.toString())).as(said.toString()).isEqualTo(1);

    assertThat(said.toString()).contains("FAIL  anna is fenced: 0 fences");
    assertServerIsAsItWas();
  }
}
