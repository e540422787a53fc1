package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.server.admin.ListKind;
import io.selkie.test.support.ChildJvm;
import io.selkie.test.support.Ended;
import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.RawNfs;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a shell completes what arguments of {@code selkie ctl} can be, also what only the running
 * server knows.
 *
 * <p>Method: the script is loaded into a shell and its function called as the shell does when
 * somebody hits the tabulator.
 */
@Tag("slow")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(600)
class CtlCompletionTest {

  private static final int TIMEOUT_SECONDS = 120;

  /** The words of the command line come as arguments; the last is the one that is begun. */
  private static final String TAB =
      """
      export SELKIE_COMPLETE_SECONDS=100
      script=$1
      shift
      source "$script"
      cd "${script%%/*}"
      tab() {
        %s
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        COMP_LINE="$*"
        COMP_POINT=${#COMP_LINE}
        COMPREPLY=()
        _complete_selkie
        printf '%%s\\n' "${COMPREPLY[@]}"
      }
      tab "$@"
      """;

  /** It may be called only while the shell itself completes. */
  private static final List<String> BASH =
      List.of("bash", "--norc", "-c", TAB.formatted("compopt() { :; }"));

  /** As bashcompinit, which the script asks for, calls such a function. */
  private static final List<String> ZSH =
      List.of(
          "zsh",
          "-f",
          "-c",
          TAB.formatted("emulate -L sh; setopt kshglob noshglob braceexpand ksharrays"));

  private static final String HOSTILE = "a *b $(x)";

  private ScratchDirectory scratch;
  private ServerProcess server;
  private RawNfs nfs;
  private Path script;
  private Path program;
  private String state;

  @BeforeAll
  void start() throws Exception {
    scratch = ServerUnderTest.scratch();
    Path export = Files.createDirectory(scratch.resolve("export"));
    state = scratch.resolve("export.state").resolve("state").toString();
    server = ServerUnderTest.serverOf(export, ServerUnderTest.LONG_LEASES).start();
    nfs = RawNfs.connect(server.nfs(), "holder");
    List<String> java =
        ChildJvm.command(
            ChildJvm.classPath(),
            List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"),
            "io.selkie.server.Main",
            List.of());
    String words = java.stream().map(word -> "'" + word + "'").collect(Collectors.joining(" "));
    program =
        Files.writeString(scratch.resolve("selkie"), "#!/bin/sh\nexec " + words + " \"$@\"\n");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    Ended printed = Ended.of(List.of(program.toString(), "ctl", "completion"), TIMEOUT_SECONDS);
    assertThat(printed.status()).as(printed.err()).isZero();
    script = Files.writeString(scratch.resolve("completion"), printed.out());
  }

  @AfterAll
  void stop() throws Exception {
    try (ScratchDirectory _ = scratch;
        ServerProcess _ = server;
        RawNfs _ = nfs) {
      // Each is closed, whatever becomes of the others.
    }
  }

  private List<String> completed(List<String> shell, String... words) throws Exception {
    return completed(program, shell, words);
  }

  private List<String> completed(Path of, List<String> shell, String... words) throws Exception {
    List<String> command = new ArrayList<>(shell);
    command.addAll(List.of("tab", script.toString(), of.toString(), "ctl"));
    command.addAll(List.of(words));
    Ended ended = Ended.of(command, TIMEOUT_SECONDS);
    assertThat(ended.err()).isEmpty();
    return ended.out().lines().filter(line -> !line.isBlank()).map(String::strip).toList();
  }

  private List<String> inBash(String... words) throws Exception {
    return completed(BASH, words);
  }

  @Test
  void statesAreThoseOfTheList() throws Exception {
    for (ListKind kind : List.of(ListKind.LAYOUTS, ListKind.SEALS, ListKind.CLIENTS)) {
      assertThat(inBash(kind.command(), "--state", "")).as(kind.command()).isEqualTo(kind.states());
    }
    assertThat(inBash("layouts", "--state", "gr")).containsExactly("granted");
    assertThat(inBash("badblocks", "--st")).doesNotContain("--state");
  }

  @Test
  void wordsOfCommandsAreCompleted() throws Exception {
    assertThat(inBash("grace", "")).containsExactly("start", "end");
    assertThat(inBash("log", "level", "d")).containsExactly("debug");
    assertThat(inBash("clients", "sh")).containsExactly("show");
  }

  @Test
  void whatTheServerKnowsIsAskedOfTheOneThatIsMeant() throws Exception {
    String client = Long.toHexString(nfs.clientId());
    List<String> clients = inBash("--state-dir", state, "layouts", "--client", "");
    assertThat(clients).singleElement().asString().endsWith(client).hasSize(16);
    assertThat(inBash("--state-dir", state, "expire", "")).isEqualTo(clients);
    assertThat(inBash("recall", "--state-dir", "=", state, "--export", ""))
        .containsExactly(server.exportName());
    assertThat(inBash("--state-dir", state, "seals", "--device", "")).hasSizeGreaterThan(1);
  }

  /** Of a program that answers so, since the server is asked by its name only. */
  private Path programThatKnows(String name) throws Exception {
    // What the shell would make of the name, if it took it for a pattern.
    Files.writeString(scratch.resolve(name.replace('*', 'z')), "");
    Path known = Files.writeString(scratch.resolve("known"), name + "\nother\n");
    Path answers =
        Files.writeString(
            scratch.resolve("answers"), "#!/bin/sh\nexec cat '%s'\n".formatted(known));
    Files.setPosixFilePermissions(answers, PosixFilePermissions.fromString("rwx------"));
    return answers;
  }

  @Test
  void namesWithBlanksAndPatternsAreOneWordEach() throws Exception {
    assertThat(completed(programThatKnows(HOSTILE), BASH, "recall", "--export", ""))
        .containsExactly("a\\ \\*b\\ \\$\\(x\\)", "other");
  }

  @Test
  void whereNoServerAnswersNothingIsCompletedAndNothingSaid() throws Exception {
    String nowhere = scratch.resolve("nowhere").toString();
    assertThat(inBash("--state-dir", nowhere, "layouts", "--client", "")).isEmpty();
  }

  /** What does not fit what is begun zsh leaves out by itself. */
  @Test
  @Tag("debian")
  void zshCompletesTheSame() throws Exception {
    assertThat(completed(ZSH, "layouts", "--state", "")).isEqualTo(ListKind.LAYOUTS.states());
    assertThat(completed(ZSH, "--state-dir", state, "recall", "--export", ""))
        .containsExactly(server.exportName());
    assertThat(completed(programThatKnows(HOSTILE), ZSH, "recall", "--export", ""))
        .containsExactly("a\\ \\*b\\ \\$\\(x\\)", "other");
  }
}
