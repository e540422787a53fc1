package io.selkie.test.drill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.config.ConfigException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.FieldSource;
import picocli.CommandLine;

/** Goal: a mistake in a scenario is told with its place, the reason, and what would be right. */
class ScenarioReaderTest {

  private static final String GOOD =
      """
      about: all is well
      files:
        - {name: db, sizeBytes: 8192}
      clients:
        - {name: anna, onRecall: late, delay: 20%}
      steps:
        - layoutget: {client: anna, file: db}
        - truncate: {file: db, sizeBytes: 0, name: cut}
      expect:
        - waited: {step: cut, atMost: 2s}
      """;

  static final List<String> SHIPPED = Library.NAMES;

  /** What is right, what is wrong in its place, and what is told of it. */
  static final List<Arguments> MISTAKES =
      List.of(
          Arguments.of(
              "sizeBytes: 8192",
              "sizeBites: 8192",
              "3:16: files[0].sizeBites: is not a key of a scenario; did "
                  + "you mean 'sizeBytes'?"),
          Arguments.of(
              "sizeBytes: 8192",
              "sizeBytes: 8KiB",
              "3:27: files[0].sizeBytes: is '8KiB', not a whole number; " + "the unit is bytes"),
          Arguments.of(
              "onRecall: late",
              "onRecall: lat",
              "5:28: clients[0].onRecall: is 'lat'; write one of answer, late, partly"),
          Arguments.of(
              "delay: 20%",
              "delay: soon", "5:34: clients[0].delay: is 'soon'; write milliseconds (300ms)"),
          Arguments.of(
              ", delay: 20%", "", "clients[0].delay: is missing; write delay with onRecall: late"),
          Arguments.of(
              "layoutget:",
              "layoutgot:",
              "7:5: steps[0]: 'layoutgot' is not known here; did you mean " + "'layoutget'?"),
          Arguments.of(
              "file: db}", "file: bd}", "7:31: steps[0].layoutget.file: there is no file 'bd'"),
          Arguments.of(
              "client: anna,",
              "client: hanna,",
              "7:17: steps[0].layoutget.client: there is no client "
                  + "'hanna'; did you mean 'anna'?"),
          Arguments.of("sizeBytes: 0,", "", "steps[1].truncate.sizeBytes: is missing; add it"),
          Arguments.of("waited:", "waits:", "10:5: expect[0]: 'waits' is not known here"),
          Arguments.of(
              "step: cut",
              "step: cat",
              "10:14: expect[0].waited.step: there is no local step before 'cat'"),
          Arguments.of(
              "atMost: 2s",
              "atMost: 2",
              "10:25: expect[0].waited.atMost: is '2'; write milliseconds"),
          Arguments.of("expect:", "except:", "except: is not a key of a scenario"),
          Arguments.of("about:", "  about:", "is not YAML"),
          Arguments.of(
              "name: db,", "name: ../db,", "3:6: files[0].name: is '../db'; write one name"),
          Arguments.of("name: anna", "name: server", "5:6: clients[0].name: is taken"));

  @TempDir Path directory;

  @Test
  void readsWhatIsGood() throws Exception {
    Scenario scenario = ScenarioReader.read("good", "good.yaml", GOOD);

    assertThat(scenario.head().clients().getFirst().onRecall()).isEqualTo(Conduct.LATE);
    assertThat(scenario.steps().getLast().text())
        .isEqualTo("another process sets the size of db to 0");
    assertThat(scenario.expectations()).hasSize(1);
  }

  @ParameterizedTest
  @FieldSource("SHIPPED")
  void readsEachThatShips(String name) throws Exception {
    assertThat(Library.load(name).expectations()).isNotEmpty();
  }

  @ParameterizedTest
  @FieldSource("MISTAKES")
  void tellsWhereAndWhy(String right, String wrong, String told) {
    assertThat(GOOD).contains(right);

    assertThatThrownBy(
            () -> ScenarioReader.read("bad", "bad.yaml", GOOD.replaceFirst(quoted(right), wrong)))
        .isInstanceOf(ConfigException.class)
        .message()
        .contains("bad.yaml:")
        .contains(told);
  }

  private static String quoted(String text) {
    return java.util.regex.Pattern.quote(text);
  }

  @Test
  void tellsAllMistakesAtOnce() {
    String bad = GOOD.replace("late", "lat").replace("file: db}", "file: bd}").replace("2s", "2");

    assertThatThrownBy(() -> ScenarioReader.read("bad", "bad.yaml", bad))
        .isInstanceOfSatisfying(
            ConfigException.class, e -> assertThat(e.problems()).hasSizeGreaterThanOrEqualTo(3));
  }

  @Test
  void commandNamesFileLineAndColumnAndEndsWithTwo() throws Exception {
    Path file =
        Files.writeString(
            directory.resolve("mine.yaml"), GOOD.replace("client: anna", "client: bea"));
    StringWriter said = new StringWriter();
    CommandLine command =
        new CommandLine(new DrillCommand.Factory().create()).setErr(new PrintWriter(said));

    assertThat(command.execute("--check", file.toString())).isEqualTo(2);
    assertThat(said.toString()).contains(file + ":7:17: steps[0].layoutget.client: there is no");
    assertThat(command.execute("--check", "no-such-scenario")).isEqualTo(2);
    assertThat(said.toString())
        .contains("no scenario 'no-such-scenario'; there are answers-at-once");
    assertThat(command.execute("--server", "localhost", "--path", "x", "server-killed"))
        .isEqualTo(2);
    assertThat(said.toString()).contains("server-killed stops its server");
  }
}
