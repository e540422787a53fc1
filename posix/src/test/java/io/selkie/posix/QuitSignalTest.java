package io.selkie.posix;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: SIGQUIT is heard by the JVM and by us, as long as we want, in a JVM of its own. */
@Timeout(300)
class QuitSignalTest {

  private static final String DUMP = "Full thread dump";

  private Process process;
  private BufferedReader threads;
  private BufferedReader said;
  private Writer tell;

  private void start(String... flags) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "@" + Path.of(System.getProperty("selkie.root"), "bin", "jvm.options")));
    command.addAll(List.of(flags));
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), QuitSignalProcess.class.getName()));
    process = new ProcessBuilder(command).start();
    threads = process.inputReader(UTF_8);
    said = process.errorReader(UTF_8);
    tell = process.outputWriter(UTF_8);
  }

  @AfterEach
  void end() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  private void quit() throws Exception {
    int sent = new ProcessBuilder("kill", "-QUIT", "" + process.pid()).start().waitFor();
    assertThat(sent).isZero();
  }

  private void tell(String words) throws IOException {
    tell.write(words + "\n");
    tell.flush();
  }

  /** The next line that contains something. */
  private static String next(BufferedReader from, String wanted) throws IOException {
    String line = from.readLine();
    while (line != null && !line.contains(wanted)) {
      line = from.readLine();
    }
    assertThat(line).as("nothing says %s any more", wanted).isNotNull();
    return line;
  }

  @Test
  void eachIsHeardByTheJvmAndByUsUntilWeClose() throws Exception {
    assumeTrue(Machine.current() == Machine.X86_64, "machine code is for x86-64 only");
    start();
    next(said, "listening");
    for (int i = 1; i <= 5; i++) {
      quit();
      next(said, "heard " + i);
      next(threads, DUMP);
    }
    tell("close");
    next(said, "told close");
    next(said, "closed");
    quit();
    next(threads, DUMP);
    tell("end");
    assertThat(next(said, "told")).isEqualTo("told end, heard 5");
    assertThat(process.waitFor(200, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isZero();
  }

  /** With -Xrs the JVM leaves the signal to the kernel, and there is nothing to stand before. */
  @Test
  void whereThereIsNoPlaceForAHandlerThatIsSaid() throws Exception {
    start("-Xrs");
    String why = Machine.current() == Machine.X86_64 ? "no handler of SIGQUIT" : "x86-64 only";
    assertThat(next(said, "deaf")).contains(why);
    tell("close");
    tell("end");
    next(said, "told end, heard 0");
    assertThat(process.waitFor(200, TimeUnit.SECONDS)).isTrue();
  }
}
