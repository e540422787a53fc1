package io.selkie.test.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ChildJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Goal: an unchanged Linux kernel works on a Selkie export as on its own file system.
 *
 * <p>Method: {@code test/vm/run} boots Debian's kernel in an emulated machine, where every suite
 * runs on ext4 and on mounts with NFSv4.1 and NFSv4.2, or plays a scenario with two clients and
 * processes of the server. Each of its cases is a test here. A machine that cannot be had is a
 * failure.
 */
@Tag("debian")
@Tag("slow")
@Execution(ExecutionMode.CONCURRENT)
class LinuxClientTest {

  /**
   * It runs for about eight minutes when nothing else does, and bounds itself; on a machine that is
   * several times slower what bounds it is the time for all tests (.ci/run).
   */
  private static final long RUN_MINUTES = 60;

  private static final String PASSED = "ok";

  /** One line of {@code results.tsv}. */
  private record Case(String suite, String name, String version, String verdict, String reason) {

    static Case of(String line) {
      String[] fields = line.split("\t", -1);
      assertThat(fields).as("fields of: %s", line).hasSize(6);
      return new Case(fields[0], fields[1], fields[2], fields[3], fields[5]);
    }

    DynamicTest test() {
      return DynamicTest.dynamicTest(
          name + " on " + version, () -> assertThat(verdict).as(reason).isEqualTo(PASSED));
    }
  }

  @TestFactory
  @Timeout(value = RUN_MINUTES + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicContainer> whatTheLinuxClientDoesIsAsOnItsOwnFileSystem()
      throws IOException, InterruptedException {
    Path root = Path.of(System.getProperty("selkie.root"));
    Path report = root.resolve("test/target/linux-client");
    Files.createDirectories(report);
    Path output = report.resolveSibling("linux-client.log");
    int status = run(root, report, output);
    Path results = report.resolve("results.tsv");
    assertThat(results).as("exit status %s: %s", status, Files.readString(output, UTF_8)).exists();
    List<Case> cases = Files.readAllLines(results, UTF_8).stream().map(Case::of).toList();
    assertThat(cases).hasSizeGreaterThan(100);
    boolean passed = cases.stream().allMatch(one -> one.verdict().equals(PASSED));
    assertThat(status == 0).as("exit status %s of test/vm/run", status).isEqualTo(passed);
    return cases.stream().collect(Collectors.groupingBy(Case::suite)).entrySet().stream()
        .map(suite ->
            DynamicContainer.dynamicContainer(
                suite.getKey(), suite.getValue().stream().map(Case::test)));
  }

  private static int run(Path root, Path report, Path output)
      throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(root.resolve("test/vm/run").toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile());
    builder.environment().put("SELKIE_VM_REPORT", report.toString());
    builder.environment().put("SELKIE_CLASS_PATH", ChildJvm.classPath());
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.start();
    try {
      if (!process.waitFor(RUN_MINUTES, TimeUnit.MINUTES)) {
        throw new AssertionError(
            "test/vm/run is not done in %d minutes; it said:%n%s"
                .formatted(RUN_MINUTES, Files.readString(output, UTF_8)));
      }
      return process.exitValue();
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }
}
