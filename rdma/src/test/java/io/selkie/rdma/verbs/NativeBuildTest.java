package io.selkie.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: a compiler that does not want the native half costs the verbs provider, not the build. */
@Timeout(60)
class NativeBuildTest {

  @TempDir Path folder;

  @Test
  void saysWhatTheCompilerSaid() throws Exception {
    // Has the headers, and refuses the rest.
    Path compiler = folder.resolve("gcc");
    Files.writeString(
        compiler,
        """
        #!/bin/sh
        [ "$1" != -E ] || exit 0
        echo "disni.c: In function 'f':" >&2
        echo "disni.c:7:1: error: no member named 'x'" >&2
        echo "more words" >&2
        exit 1
        """);
    assertThat(compiler.toFile().setExecutable(true)).isTrue();
    Path into = folder.resolve("out");
    ProcessBuilder build =
        new ProcessBuilder("src/main/native/build", into.toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("words").toFile());
    build.environment().compute("PATH", (name, path) -> folder + ":" + path);
    // Of this JDK, so that there is one wherever the test runs.
    build.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = build.start();
    assertThat(process.waitFor(40, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isZero();
    assertThat(folder.resolve("words")).content().contains("more words");
    assertThat(into)
        .isDirectoryContaining("glob:**.not-built")
        .isDirectoryNotContaining("glob:**.so*");
    assertThat(into.resolve("libselkieverbs.not-built"))
        .hasContent("it could not be compiled: disni.c:7:1: error: no member named 'x'");
  }
}
