package io.selkie.posix;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Goal: whatever of a mapping is gone, touching it is an error in its place, and the process lives.
 *
 * <p>Method: a JVM of its own maps a file, cuts it and touches what was cut off, which is a SIGBUS
 * as bad storage is one; interpreted, and as each of the compilers makes it.
 */
@Timeout(300)
class BusErrorTest {

  @TempDir(factory = RealFileSystem.class)
  Path folder;

  @ParameterizedTest
  @CsvSource({"-Xint, 50", "-XX:TieredStopAtLevel=1, 5000", "-XX:-TieredCompilation, 20000"})
  void aPageThatIsGoneIsAnErrorInItsPlace(String mode, int rounds) throws Exception {
    assumeTrue(Machine.current() == Machine.X86_64, "machine code is for x86-64 only");
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "@" + Path.of(System.getProperty("selkie.root"), "bin", "jvm.options"),
                mode,
                "-XX:+UseSerialGC",
                "-XX:-CreateCoredumpOnCrash",
                "-XX:ErrorFile=" + folder.resolve("hs_err.log"),
                "-cp",
                System.getProperty("java.class.path"),
                BusErrorProcess.class.getName(),
                folder.resolve("file").toString(),
                Integer.toString(rounds)));
    Path said = folder.resolve("said");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(said.toFile()).start();
    try {
      assertThat(process.waitFor(200, TimeUnit.SECONDS)).isTrue();
      assertThat(said).content(UTF_8).endsWith("alive\n");
      assertThat(process.exitValue()).isZero();
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void theJvmsOwnWriteBackIsKnownToBeUnguarded() {
    CacheLines lines = CacheLines.ofJvm("there is no other");
    assertThat(lines.isGuarded()).isFalse();
    assertThat(lines.whyNot()).isNotEmpty();
  }
}
