package io.selkie.test.structure;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ScratchDirectory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Goal: what the scripts decide about a machine holds on machines other than the one at hand. */
@Timeout(300)
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
    assertThat(process.waitFor(200, TimeUnit.SECONDS)).isTrue();
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

  /** All programs of this machine but some; those that are played answer as they are told. */
  private ScratchDirectory programs(String without, Map<String, String> played) throws IOException {
    ScratchDirectory programs = ScratchDirectory.in(folder, "programs-");
    for (String directory : List.of("/bin", "/sbin", "/usr/bin", "/usr/sbin")) {
      try (Stream<Path> found = Files.list(Path.of(directory))) {
        for (Path program : found.toList()) {
          String name = program.getFileName().toString();
          Path link = programs.resolve(name);
          if (!name.startsWith(without)
              && !played.containsKey(name)
              && !Files.exists(link, NOFOLLOW_LINKS)) {
            Files.createSymbolicLink(link, program);
          }
        }
      }
    }
    for (Map.Entry<String, String> program : played.entrySet()) {
      Path path = programs.resolve(program.getKey());
      Files.writeString(path, "#!/bin/sh\n" + program.getValue() + "\n");
      assertThat(path.toFile().setExecutable(true)).isTrue();
    }
    return programs;
  }

  /** What {@code test/vm/run} says where programs are so, and that it ends with status 1. */
  private String linuxClientsFail(Map<String, String> played) throws Exception {
    Path words = folder.resolve("words");
    try (ScratchDirectory programs = programs("qemu", played)) {
      ProcessBuilder builder =
          new ProcessBuilder("test/vm/run")
              .directory(SourceTree.root().toFile())
              .redirectErrorStream(true)
              .redirectOutput(words.toFile());
      builder.environment().put("PATH", programs.path().toString());
      builder.environment().put("SELKIE_VM_DIR", folder.resolve("vm").toString());
      Process process = builder.start();
      assertThat(process.waitFor(200, TimeUnit.SECONDS)).isTrue();
      String said = Files.readString(words, StandardCharsets.UTF_8).strip();
      assertThat(process.exitValue()).as(said).isEqualTo(1);
      return said;
    }
  }

  @Test
  @Tag("debian")
  void withoutAnEmulatorTheLinuxClientsSuitesFailAndSayWhy() throws Exception {
    assertThat(
            linuxClientsFail(
                Map.of(
                    "dpkg-query", "echo 'install ok installed'",
                    "apt-get", "exit 0",
                    "apt-cache", "exit 1")))
        .contains("taking the host's", "run: cannot have a virtual machine: qemu does not run");
  }

  @Test
  @Tag("debian")
  void withoutAPackageMirrorTheLinuxClientsSuitesFailAndSayWhy() throws Exception {
    assertThat(
            linuxClientsFail(
                Map.of("dpkg-query", "echo 'install ok installed'", "apt-get", "exit 100")))
        .contains("run: the package lists of ", "could not be had");
  }

  @Test
  @Tag("debian")
  void withoutTheEmulatorsPackageTheLinuxClientsSuitesFailAndNameIt() throws Exception {
    assertThat(
            linuxClientsFail(
                Map.of(
                    "dpkg-query", "case $* in *qemu*) exit 1 ;; esac; echo 'install ok installed'",
                    "apt-get", "exit 100",
                    "id", "echo 1000")))
        .contains("run: these Debian packages are missing: ", "qemu-system-x86", "as root");
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
