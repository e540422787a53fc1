package io.selkie.rdma.verbs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/**
 * Test classes that run in a guest, by {@link RunOnDevice}, and are tests of the class that boots
 * it. A machine that cannot be had is a failure.
 */
public final class GuestRun {

  /** Two to four when nothing else runs; the machine bounds itself at 29. */
  public static final long MINUTES_MAX = 31;

  private static final String PASSED = "ok ";
  private static final String FAILED = "not ok ";

  /** What repeats draws: handed on to the guest, and what was drawn there is printed here. */
  private static final String SEED = "selkie.seed";

  /** Lines of a failure that are told: stack traces of several causes. */
  private static final int WORDS_MAX = 200;

  private final Path root = Path.of(System.getProperty("selkie.root"));
  private final String script;
  private final Path report;
  private final Path log;
  private final long minutes;

  /**
   * A run to be.
   *
   * @param script that boots the guest, beneath the project's root
   * @param report where results go, beneath the project's root; what the script says goes beside it
   */
  public GuestRun(String script, Path report) {
    this(script, report, MINUTES_MAX);
  }

  /**
   * The same for a machine that takes longer.
   *
   * @param minutes until it is ended: a little more than the script gives it
   */
  public GuestRun(String script, Path report, long minutes) {
    this.minutes = minutes;
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
    String said = Files.readString(output, UTF_8);
    said.lines().filter(line -> line.contains("-D" + SEED + "=")).forEach(System.out::println);
    List<Verdict> verdicts = verdicts(said.lines().toList());
    assertThat(verdicts).as(said).hasSizeGreaterThanOrEqualTo(testsMin);
    boolean passed = verdicts.stream().allMatch(Verdict::passed);
    assertThat(status == 0).as("exit status %s; %s", status, said).isEqualTo(passed);
    return verdicts.stream().map(Verdict::test);
  }

  /**
   * What came of a test.
   *
   * @param words its line, and if it failed all up to the next one's: where that was
   */
  private record Verdict(String name, boolean passed, String words) {

    /** A test that ends so, and tells in its own report what the guest told. */
    DynamicTest test() {
      return DynamicTest.dynamicTest(
          name,
          () -> {
            if (!passed) {
              fail("in the guest: " + words);
            }
          });
    }
  }

  private static List<Verdict> verdicts(List<String> lines) {
    List<Verdict> found = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      if (line.startsWith(PASSED)) {
        found.add(new Verdict(name(line.substring(PASSED.length())), true, line));
      } else if (line.startsWith(FAILED)) {
        int end = i + 1;
        while (end < lines.size() && end - i < WORDS_MAX && !isEnd(lines.get(end))) {
          end++;
        }
        String words = String.join("\n", lines.subList(i, end));
        found.add(new Verdict(name(line.substring(FAILED.length())), false, words));
      }
    }
    return found;
  }

  private static boolean isEnd(String line) {
    return line.startsWith(PASSED) || line.startsWith(FAILED) || line.matches("\\d+ passed, .*");
  }

  /** Without what is different each time. */
  private static String name(String verdict) {
    String name = verdict.replaceFirst(" \\[\\d+ ms\\].*", "");
    int arguments = name.indexOf('(');
    return arguments < 0 ? name : name.substring(0, arguments);
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
    if (System.getProperty(SEED) != null) {
      builder.environment().put("SELKIE_SEED", System.getProperty(SEED));
    }
    Process process = builder.start();
    try {
      if (!process.waitFor(minutes, TimeUnit.MINUTES)) {
        throw new AssertionError(
            "%s is not done in %d minutes; it said:%n%s"
                .formatted(script, minutes, Files.readString(log, UTF_8)));
      }
      return process.exitValue();
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }
}
