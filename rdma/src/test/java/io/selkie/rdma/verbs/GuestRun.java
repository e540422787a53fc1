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

/**
 * Test classes that run in a guest, by {@link RunOnDevice}, and are tests of the class that boots
 * it. A machine that cannot be had is a failure.
 */
public final class GuestRun {

  /** Two or three when nothing else runs; the machine bounds itself. */
  public static final long MINUTES_MAX = 20;

  private static final String PASSED = "ok ";
  private static final String FAILED = "not ok ";

  private final Path root = Path.of(System.getProperty("selkie.root"));
  private final String script;
  private final Path report;
  private final Path log;

  /**
   * A run to be.
   *
   * @param script that boots the guest, beneath the project's root
   * @param report where results go, beneath the project's root; what the script says goes beside it
   */
  public GuestRun(String script, Path report) {
    this.script = script;
    this.report = root.resolve(report);
    this.log = this.report.resolveSibling(report.getFileName() + ".log");
  }

  /**
   * Runs it to its end.
   *
   * @param arguments of the script
   * @param testsMin fewer results are a failure
   * @return a test for each that ran
   */
  public Stream<DynamicTest> run(List<String> arguments, int testsMin)
      throws IOException, InterruptedException {
    Files.createDirectories(report);
    int status = boot(arguments);
    Path output = report.resolve("output");
    assertThat(output).as("exit status %s: %s", status, Files.readString(log, UTF_8)).exists();
    List<String> verdicts =
        Files.readAllLines(output, UTF_8).stream()
            .filter(line -> line.startsWith(PASSED) || line.startsWith(FAILED))
            .toList();
    assertThat(verdicts).as(Files.readString(output, UTF_8)).hasSizeGreaterThanOrEqualTo(testsMin);
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

  private int boot(List<String> arguments) throws IOException, InterruptedException {
    List<String> command =
        Stream.concat(Stream.of(root.resolve(script).toString()), arguments.stream()).toList();
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    // Surefire may hand the path over in an archive's manifest; it tells the whole there.
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    builder.environment().put("SELKIE_VM_REPORT", report.toString());
    builder.environment().put("SELKIE_CLASS_PATH", classPath);
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.start();
    try {
      if (!process.waitFor(MINUTES_MAX, TimeUnit.MINUTES)) {
        throw new AssertionError(
            "%s is not done in %d minutes; it said:%n%s"
                .formatted(script, MINUTES_MAX, Files.readString(log, UTF_8)));
      }
      return process.exitValue();
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }
}
