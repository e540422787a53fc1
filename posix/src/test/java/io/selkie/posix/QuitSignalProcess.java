package io.selkie.posix;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Says on standard error what it hears of SIGQUIT, and does what it is told on standard input:
 * "close" once, and then to end. The JVM prints its threads on standard output.
 */
final class QuitSignalProcess {

  private QuitSignalProcess() {}

  /** The process. */
  public static void main(String[] arguments) throws IOException {
    AtomicInteger heard = new AtomicInteger();
    BufferedReader told = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    try (QuitSignal quit =
        QuitSignal.listen(() -> System.err.println("heard " + heard.incrementAndGet()))) {
      System.err.println(quit.isHeard() ? "listening" : "deaf: " + quit.whyNot());
      System.err.println("told " + told.readLine());
    }
    System.err.println("closed");
    System.err.println("told " + told.readLine() + ", heard " + heard);
  }
}
