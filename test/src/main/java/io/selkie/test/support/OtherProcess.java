package io.selkie.test.support;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.config.time.NanoClock;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * A program of the system, run beside us to do to a file what other processes do, and timed from
 * outside: from just before it was started until just after its end was seen. What it did lies in
 * between, so these times never flatter anybody.
 */
public final class OtherProcess {

  private OtherProcess() {}

  /**
   * How it went.
   *
   * @param startedNanos just before it was started
   * @param endedNanos just after its end was seen
   * @param output what it said, both streams
   */
  public record Outcome(
      List<String> command,
      long pid,
      long startedNanos,
      long endedNanos,
      int status,
      String output) {

    /** Whether it said that it succeeded. */
    public boolean succeeded() {
      return status == 0;
    }
  }

  /** Something that runs. */
  public record Running(Process process, CompletableFuture<Outcome> outcome) {}

  /** Starts one; its outcome completes on the thread that sees its end. */
  public static Running start(NanoClock clock, List<String> command) throws IOException {
    long started = clock.nanoTime();
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    CompletableFuture<Outcome> outcome =
        process
            .onExit()
            .thenApply(ended -> {
              long endedNanos = clock.nanoTime();
              return new Outcome(
                  command, ended.pid(), started, endedNanos, ended.exitValue(), output(ended));
            });
    return new Running(process, outcome);
  }

  /**
   * Truncates a file with dd, of the coreutils that every system has. Not with truncate: that one
   * opens with O_NONBLOCK, so it does not wait for a lease to be given up but fails (EAGAIN).
   */
  public static Running truncate(NanoClock clock, Path file, long sizeBytes) throws IOException {
    return start(clock, truncateCommand(file, sizeBytes));
  }

  /** The command of {@link #truncate}. */
  public static List<String> truncateCommand(Path file, long sizeBytes) {
    return List.of(
        "dd", "if=/dev/null", "of=" + file, "bs=1", "seek=" + sizeBytes, "count=0", "status=none");
  }

  /** It has ended and can say no more than what a pipe holds. */
  private static String output(Process ended) {
    try {
      return new String(ended.getInputStream().readAllBytes(), UTF_8);
    } catch (IOException e) {
      return e.toString();
    }
  }
}
