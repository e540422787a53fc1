package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: what the log says of a start is counted from the moment the process began. */
class ProcessTimesTest {

  @TempDir private Path proc;

  private ProcessTimes times(String name, String uptime) throws IOException {
    Files.createDirectories(proc.resolve("self"));
    String before = "S 1 2 3 4 5 6 7 8 9 10 42 13 13 14 15 16 17 18 ";
    Files.writeString(proc.resolve("self/stat"), "77 (%s) %s12345 99 0\n".formatted(name, before));
    Files.writeString(proc.resolve("uptime"), uptime + " 200.00\n");
    return ProcessTimes.of(proc);
  }

  @Test
  void ageIsTheTimeSinceBootLessTheStart() throws IOException {
    assertThat(times("java", "124.70")).isEqualTo(new ProcessTimes(1250, 550));
    assertThat(times("a) S 1 (b", "124.70")).isEqualTo(new ProcessTimes(1250, 550));
    assertThat(times("java", "100.00").ageMillis()).as("never negative").isZero();
  }

  @Test
  void kernelThatDoesNotTellIsNoDefect() {
    assertThat(ProcessTimes.of(proc.resolve("none"))).isEqualTo(new ProcessTimes(0, 0));
  }

  @Test
  void thisProcessIsOlderTheSecondTime() {
    ProcessTimes first = ProcessTimes.of(Path.of("/proc"));
    assertThat(first.ageMillis()).isPositive();
    assertThat(first.processorMillis()).isPositive();
    ProcessTimes second = ProcessTimes.of(Path.of("/proc"));
    assertThat(second.ageMillis()).isGreaterThanOrEqualTo(first.ageMillis());
    assertThat(second.processorMillis()).isGreaterThanOrEqualTo(first.processorMillis());
  }
}
