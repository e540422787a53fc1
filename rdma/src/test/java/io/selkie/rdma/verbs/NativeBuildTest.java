package io.selkie.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Goal: a machine that cannot build the native half, for whichever reason, loses the verbs provider
 * and not the build, and is told why.
 */
@Timeout(300)
class NativeBuildTest {

  private static final String SILENT_COMPILER = "#!/bin/sh\nexit 0\n";

  @TempDir Path folder;

  private Path compiler(String script) throws IOException {
    Path compiler = Files.createDirectories(folder.resolve("bin")).resolve("gcc");
    Files.writeString(compiler, script);
    assertThat(compiler.toFile().setExecutable(true)).isTrue();
    return compiler.getParent();
  }

  /** A path with what the script needs, but no compiler. */
  private Path pathWithoutCompiler() throws IOException {
    Path bin = Files.createDirectories(folder.resolve("bin"));
    for (String tool : List.of("bash", "dirname", "uname", "mkdir", "rm")) {
      Path real =
          Stream.of("/usr/bin", "/bin")
              .map(each -> Path.of(each, tool))
              .filter(Files::isExecutable)
              .findFirst()
              .orElseThrow();
      Files.createSymbolicLink(bin.resolve(tool), real);
    }
    return bin;
  }

  /** Builds, which must be no error; what it said. */
  private String build(String path, String javaHome) throws Exception {
    ProcessBuilder build =
        new ProcessBuilder("src/main/native/build", folder.resolve("out").toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("words").toFile());
    build.environment().put("PATH", path);
    build.environment().put("JAVA_HOME", javaHome);
    build.environment().put("SELKIE_JVMS", folder.resolve("no-jvms").toString());
    Process process = build.start();
    assertThat(process.waitFor(200, TimeUnit.SECONDS)).isTrue();
    String words = Files.readString(folder.resolve("words"));
    assertThat(process.exitValue()).as(words).isZero();
    return words;
  }

  private String build(Path before) throws Exception {
    // Of this JDK, so that there is one wherever the test runs.
    return build(before + ":" + System.getenv("PATH"), System.getProperty("java.home"));
  }

  private void assertNotBuilt(String words, String reason) {
    Path into = folder.resolve("out");
    assertThat(words).endsWith("verbs: not built, because " + reason + "\n");
    assertThat(into)
        .isDirectoryContaining("glob:**.not-built")
        .isDirectoryNotContaining("glob:**.so*");
    assertThat(into.resolve("libselkieverbs.not-built")).hasContent(reason);
  }

  @Test
  void saysWhatTheCompilerSaid() throws Exception {
    // Has the headers, and refuses the rest.
    Path bin =
        compiler(
            """
            #!/bin/sh
            [ "$1" != -E ] || exit 0
            echo "disni.c: In function 'f':" >&2
            echo "disni.c:7:1: error: no member named 'x'" >&2
            echo "more words" >&2
            exit 1
            """);

    String words = build(bin);

    assertThat(words).contains("more words");
    assertNotBuilt(words, "it could not be compiled: disni.c:7:1: error: no member named 'x'");
  }

  @Test
  void saysThatThereIsNoCompiler() throws Exception {
    assertNotBuilt(
        build(pathWithoutCompiler().toString(), System.getProperty("java.home")),
        "there was no gcc (Debian: gcc)");
  }

  @ParameterizedTest
  @CsvSource({"infiniband/verbs.h, libibverbs-dev", "rdma/rdma_cma.h, librdmacm-dev"})
  void saysWhichHeaderThereIsNot(String header, String debian) throws Exception {
    Path bin =
        compiler(
            """
            #!/bin/sh
            [ "$1" = -E ] || exit 0
            ! grep -q '<%s>'
            """
                .formatted(header));
    assertNotBuilt(build(bin), "there was no %s (Debian: %s)".formatted(header, debian));
  }

  @Test
  void saysThatThereIsNoJdk() throws Exception {
    String path = compiler(SILENT_COMPILER) + ":" + System.getenv("PATH");
    assertNotBuilt(
        build(path, folder.toString()),
        "there was no jni.h (a JDK, in JAVA_HOME or %s)".formatted(folder.resolve("no-jvms")));
  }
}
