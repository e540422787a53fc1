package io.selkie.test.structure;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Goal: what the scripts decide about a machine holds on machines other than the one at hand. */
@Timeout(60)
class ScriptsTest {

  @TempDir Path folder;

  private String run(String commands, String... arguments) throws Exception {
    String[] command = new String[4 + arguments.length];
    command[0] = "bash";
    command[1] = "-c";
    command[2] = "set -euo pipefail; source bin/lib.sh; source test/vm/lib/build.sh; " + commands;
    command[3] = "scripts-test";
    System.arraycopy(arguments, 0, command, 4, arguments.length);
    Path words = folder.resolve("words");
    Process process =
        new ProcessBuilder(command)
            .directory(SourceTree.root().toFile())
            .redirectErrorStream(true)
            .redirectOutput(words.toFile())
            .start();
    assertThat(process.waitFor(40, TimeUnit.SECONDS)).isTrue();
    String said = Files.readString(words, StandardCharsets.UTF_8).strip();
    assertThat(process.exitValue()).as(said).isZero();
    return said;
  }

  private Path write(String name, String content) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, content);
  }

  @Test
  void mirrorOfACloudImageIsTheFirstOfItsList() throws Exception {
    write("mirrors/security.list", "http://one.example/debian-security\n");
    write(
        "mirrors/debian.list",
        "# nearest first\nhttp://one.example/debian\nhttp://two.example/debian\n");
    write(
        "sources.list.d/debian.sources",
        """
        Types: deb deb-src
        URIs: mirror+file://%1$s/mirrors/security.list
        Suites: some-security

        Types: deb deb-src
        URIs: mirror+file://%1$s/mirrors/debian.list
        Suites: some
        """
            .formatted(folder));
    assertThat(run("debian_mirror \"$1\"", folder.toString()))
        .isEqualTo("http://one.example/debian");
  }

  @Test
  void mirrorOfAnOldListIsFound() throws Exception {
    write("sources.list", "deb [arch=amd64] http://one.example/debian/ some main\n");
    assertThat(run("debian_mirror \"$1\"", folder.toString()))
        .isEqualTo("http://one.example/debian");
  }

  @ParameterizedTest
  @CsvSource({"24.0.2, no", "25.0.1, yes", "25, yes", "26-ea, no"})
  void takesTheJdkThatTheBuildTakes(String version, String taken) throws Exception {
    Path java = write("jdk/bin/java", "");
    assertThat(java.toFile().setExecutable(true)).isTrue();
    write("jdk/release", "JAVA_VERSION=\"" + version + "\"\n");
    assertThat(run("is_right_java \"$1\" && echo yes || echo no", java.toString()))
        .isEqualTo(taken);
    assertThat(Files.readString(SourceTree.root().resolve("pom.xml")))
        .as("the toolchain of the build")
        .contains("<version>[25,26)</version>");
  }
}
