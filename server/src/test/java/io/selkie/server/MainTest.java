package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.cli.CommandFactory;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class MainTest {

  @TempDir private Path pages;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void versionIsTheOneOfTheBuild() {
    assertThat(run("--version")).isEqualTo(CommandLine.ExitCode.OK);
    assertThat(out.toString()).matches("selkie \\d+\\.\\d+\\.\\d+(-SNAPSHOT)?\\R");
  }

  @Test
  void noSubcommandIsWrongUsage() {
    assertThat(run()).isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(err.toString()).contains("Missing subcommand");
  }

  @Test
  void commandThatIsNamedIsMadeAlone() {
    assertThat(Main.commandLine(new String[] {"serve", "--help"}).getSubcommands())
        .containsOnlyKeys("serve");
    assertThat(Main.commandLine(new String[] {"--help"}).getSubcommands())
        .containsKeys("serve", "ctl", "doctor");
    assertThat(run("sevre")).isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(err.toString()).contains("sevre");
  }

  @Test
  void completionAndManualPagesAreOfAllCommands() throws IOException {
    assertThat(run("ctl", "completion")).isZero();
    assertThat(out.toString()).contains("doctor", "serve");
    assertThat(run("man-pages", pages.toString())).isZero();
    assertThat(pages.resolve("selkie-doctor.1")).isNotEmptyFile();
  }

  @Test
  void factoriesKnowTheNamesOfWhatTheyMake() {
    for (CommandFactory factory : ServiceLoader.load(CommandFactory.class)) {
      assertThat(factory.name())
          .as(factory.getClass().getName())
          .isEqualTo(new CommandLine(factory.create()).getCommandName());
    }
  }

  private int run(String... args) {
    return Main.commandLine(args)
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(args);
  }
}
