package io.selkie.rdma.verbs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: the verbs provider keeps the contract of providers on the kernel's RDMA stack.
 *
 * <p>Method: {@code test/vm/verbs/run} boots a stock Debian kernel with soft RoCE in a virtual
 * machine, where {@link RunOnDevice} runs {@link VerbsOnDevice}. Each of its tests is a test here.
 * A machine that cannot be had is a failure.
 */
@Tag("debian")
@Tag("slow")
class SoftRoceTest {

  /** Two or three when nothing else runs; it bounds itself. */
  private static final long RUN_MINUTES = 20;

  private static final String PASSED = "ok ";
  private static final String FAILED = "not ok ";

  @TestFactory
  @Timeout(value = RUN_MINUTES + 1, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> contractHoldsOnSoftRoce() throws IOException, InterruptedException {
    Path root = Path.of(System.getProperty("selkie.root"));
    Path report = root.resolve("rdma/target/soft-roce");
    Files.createDirectories(report);
    Path log = report.resolveSibling("soft-roce.log");
    int status = run(root, report, log);
    Path output = report.resolve("output");
    assertThat(output).as("exit status %s: %s", status, Files.readString(log, UTF_8)).exists();
    List<String> verdicts =
        Files.readAllLines(output, UTF_8).stream()
            .filter(line -> line.startsWith(PASSED) || line.startsWith(FAILED))
            .toList();
    assertThat(verdicts).as(Files.readString(output, UTF_8)).hasSizeGreaterThan(30);
    boolean passed = verdicts.stream().allMatch(line -> line.startsWith(PASSED));
    assertThat(status == 0)
        .as("exit status %s; %s", status, Files.readString(output, UTF_8))
        .isEqualTo(passed);
    return verdicts.stream()
        .map(
            line -> DynamicTest.dynamicTest(name(line), () -> assertThat(line).startsWith(PASSED)));
  }

  private static String name(String line) {
    String rest = line.substring(line.startsWith(PASSED) ? PASSED.length() : FAILED.length());
    return rest.substring(0, rest.indexOf('(') < 0 ? rest.length() : rest.indexOf('('));
  }

  private static int run(Path root, Path report, Path log)
      throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(root.resolve("test/vm/verbs/run").toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    // Surefire may hand the path over in an archive's manifest; it tells the whole there.
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    builder.environment().put("SELKIE_VM_REPORT", report.toString());
    builder.environment().put("SELKIE_CLASS_PATH", classPath);
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.start();
    try {
      if (!process.waitFor(RUN_MINUTES, TimeUnit.MINUTES)) {
        throw new AssertionError(
            "test/vm/verbs/run is not done in %d minutes; it said:%n%s"
                .formatted(RUN_MINUTES, Files.readString(log, UTF_8)));
      }
      return process.exitValue();
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }
}
