package io.selkie.server.seal;

import io.selkie.config.time.NanoClock;
import io.selkie.posix.PidFd;
import io.selkie.posix.PosixException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * The command, and all that it has started: whatever makes itself a daemon becomes a child of this
 * process. Where there is setpriv (util-linux) the kernel kills the command when this process dies,
 * so that it does not go on without a seal (S5).
 */
final class CommandProcess implements AutoCloseable {

  private static final Path SETPRIV = Path.of("/usr/bin/setpriv");
  private static final int KILL = 9;

  private final Process process;
  private final Optional<PidFd> handle;

  private CommandProcess(Process process, Optional<PidFd> handle) {
    this.process = process;
    this.handle = handle;
  }

  /** Whether the kernel is going to kill the command when this process dies. */
  static boolean diesWithUs() {
    return Files.isExecutable(SETPRIV);
  }

  /**
   * Starts it with this process's own input and output. To be called on a thread that outlives the
   * command: the kernel takes the end of that thread for ours.
   *
   * @param environment beside this process's own
   * @throws NotExecutedException when it cannot be executed
   */
  static CommandProcess start(List<String> command, Map<String, String> environment)
      throws IOException {
    PidFd.adoptOrphans();
    List<String> words = new ArrayList<>();
    if (diesWithUs()) {
      words.addAll(List.of(SETPRIV.toString(), "--pdeathsig", "KILL", "--"));
    }
    words.addAll(command);
    ProcessBuilder builder = new ProcessBuilder(words).inheritIO();
    builder.environment().putAll(environment);
    Process process;
    try {
      process = builder.start();
    } catch (IOException e) {
      throw new NotExecutedException(command.getFirst(), e);
    }
    return new CommandProcess(process, PidFd.open(process.pid()));
  }

  /** There is no such program, or it may not be executed. */
  static final class NotExecutedException extends IOException {
    private static final long serialVersionUID = 1L;

    /** The JDK says it in words only. */
    private static final Pattern NOT_FOUND = Pattern.compile("error[:=] ?2\\b");

    NotExecutedException(String program, IOException cause) {
      super("cannot run " + program + ": " + cause.getMessage(), cause);
    }

    /** What a shell says. */
    int status() {
      return NOT_FOUND.matcher(getMessage()).find() ? 127 : 126;
    }
  }

  /** Completes with its status, of a signal 128 and its number, when it has ended. */
  CompletableFuture<Integer> ended() {
    return process.onExit().thenApply(Process::exitValue);
  }

  /** Sends the command a signal. That it has ended already is no failure. */
  void signal(int number) {
    handle.ifPresent(it -> it.send(number));
  }

  /**
   * Kills it and all that it has started, and waits until they have ended.
   *
   * @return whether they have; not when the kernel keeps one, in a system call that hangs
   */
  boolean killAll(NanoClock clock, long budgetNanos) throws PosixException {
    long end = clock.nanoTime() + budgetNanos;
    while (true) {
      // Children of one that was just killed may be found only by the next look.
      List<PidFd> living = living();
      try {
        if (living.isEmpty()) {
          return true;
        }
        living.forEach(each -> each.send(KILL));
        for (PidFd each : living) {
          long left = TimeUnit.NANOSECONDS.toMillis(end - clock.nanoTime());
          if (left <= 0 || !each.awaitEnd((int) left)) {
            return false;
          }
        }
      } finally {
        living.forEach(PidFd::close);
      }
    }
  }

  private static List<PidFd> living() throws PosixException {
    List<PidFd> living = new ArrayList<>();
    for (ProcessHandle each : ProcessHandle.current().descendants().toList()) {
      Optional<PidFd> held = PidFd.open(each.pid());
      if (held.isPresent() && held.get().awaitEnd(0)) {
        // Nobody has asked yet how it ended.
        held.get().close();
      } else {
        held.ifPresent(living::add);
      }
    }
    return living;
  }

  /** Kills the command, should it still live: no way out of here leaves it without a seal. */
  @Override
  public void close() {
    if (process.isAlive()) {
      process.destroyForcibly();
    }
    handle.ifPresent(PidFd::close);
  }
}
