package io.selkie.test.fire;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.test.support.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A client, such as {@link FireClient}, and what it says. */
final class ClientProcess implements AutoCloseable {

  private static final int LINES_KEPT = 40;

  /** Stands for the number of a grant when there will be no answer any more. */
  private static final int ENDED = -1;

  private final Process process;
  private final ArrayDeque<String> said = new ArrayDeque<>();
  private final BlockingQueue<Integer> answers = new LinkedBlockingQueue<>();
  private final CountDownLatch underFire = new CountDownLatch(1);

  private ClientProcess(Process process) {
    this.process = process;
  }

  /** Starts one that says what it does. */
  static ClientProcess start(Class<?> program, List<String> words) throws IOException {
    List<String> flags =
        List.of("-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto");
    Process process =
        new ProcessBuilder(ChildJvm.command(ChildJvm.classPath(), flags, program.getName(), words))
            .redirectErrorStream(true)
            .start();
    ClientProcess client = new ClientProcess(process);
    Thread.ofPlatform().daemon().name("client-output").start(client::readOutput);
    return client;
  }

  private void readOutput() {
    try (BufferedReader reader =
        new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        synchronized (said) {
          if (said.size() == LINES_KEPT) {
            said.removeFirst();
          }
          said.addLast(line);
        }
        if (line.startsWith("under fire")) {
          underFire.countDown();
        } else if (line.startsWith("placed ") || line.startsWith("nothing placed ")) {
          answers.add(Integer.parseInt(line.substring(line.lastIndexOf(' ') + 1)));
        }
      }
    } catch (IOException _) {
      // It was killed.
    } finally {
      answers.add(ENDED);
    }
  }

  /** Waits for its first grant. */
  void awaitFire(int seconds) throws InterruptedException, IOException {
    if (!underFire.await(seconds, TimeUnit.SECONDS)) {
      throw new IOException("a client has no layout; it said:\n" + said());
    }
  }

  /** Whether it has had a grant. */
  boolean isUnderFire() {
    return underFire.getCount() == 0;
  }

  /** Tells it something, a line. */
  void tell(String line) throws IOException {
    process.getOutputStream().write((line + "\n").getBytes(UTF_8));
    process.getOutputStream().flush();
  }

  /** Waits until it says whether writes of a grant were placed. */
  void awaitAnswer(int grant, int seconds) throws InterruptedException, IOException {
    Integer number = answers.poll(seconds, TimeUnit.SECONDS);
    while (number != null && number != grant && number != ENDED) {
      number = answers.poll(seconds, TimeUnit.SECONDS);
    }
    if (number == null || number == ENDED) {
      throw new IOException(
          "a client has no answer to grant "
              + grant
              + (number == null ? "" : ", it has ended")
              + "; it said:\n"
              + said());
    }
  }

  String said() {
    synchronized (said) {
      return String.join("\n", said);
    }
  }

  /** SIGKILL, which must find it alive. */
  void kill() throws InterruptedException, IOException {
    if (!process.isAlive()) {
      throw new IOException(
          "a client ended by itself with " + process.exitValue() + "; it said:\n" + said());
    }
    close();
  }

  @Override
  public void close() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }
}
