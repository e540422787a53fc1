package io.selkie.server.seal;

import io.selkie.config.time.NanoClock;
import io.selkie.posix.Errno;
import io.selkie.posix.PidFd;
import io.selkie.posix.PosixException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
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
  private final NanoClock clock;
  private final Consumer<String> say;

  /** Processes that had ended when they were looked at: what they left behind is found since. */
  private final Set<Long> ended = new HashSet<>();

  private Optional<PidFd> handle = Optional.empty();
  private boolean settled;

  private CommandProcess(Process process, NanoClock clock, Consumer<String> say) {
    this.process = process;
    this.clock = clock;
    this.say = say;
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
   * @param say tells people, one line each
   * @throws NotExecutedException when it cannot be executed
   */
  static CommandProcess start(
      List<String> command, Map<String, String> environment, NanoClock clock, Consumer<String> say)
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
    CommandProcess started = new CommandProcess(process, clock, say);
    try {
      started.handle = PidFd.open(process.pid());
    } catch (PosixException | RuntimeException e) {
      started.close();
      throw e;
    }
    return started;
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

  /** From now on it may live, with all that it has started: {@link #close} does not kill it. */
  void leave() {
    settled = true;
  }

  /**
   * Kills it and all that it has started, and waits until they have ended.
   *
   * @return whether they have; not when the kernel keeps one, in a system call that hangs
   */
  boolean killAll(long budgetNanos) throws PosixException {
    long end = clock.nanoTime() + budgetNanos;
    while (true) {
      // Children of one that ended since the last look may be found only by the next.
      List<Held> living = new ArrayList<>();
      try {
        boolean allSeen = look(living);
        if (living.isEmpty() && allSeen) {
          settled = true;
          return true;
        }
        living.forEach(this::kill);
        for (Held each : living) {
          if (!each.fd.awaitEnd((int) Math.max(0, millisUntil(end)))) {
            settled = true;
            return false;
          }
          ended.add(each.pid);
        }
        if (millisUntil(end) <= 0) {
          settled = true;
          return false;
        }
      } finally {
        living.forEach(each -> each.fd.close());
      }
    }
  }

  private record Held(long pid, PidFd fd) {}

  private long millisUntil(long end) {
    return TimeUnit.NANOSECONDS.toMillis(end - clock.nanoTime());
  }

  private void kill(Held one) {
    int result = one.fd.send(KILL);
    if (result < 0 && !Errno.ESRCH.is(result)) {
      say.accept(
          "process %d cannot be killed (%s): if it is another user's, end it as root"
              .formatted(one.pid, Errno.describe(result)));
    }
  }

  /** Adds what lives; false when something has ended that was not known to have. */
  private boolean look(List<Held> living) throws PosixException {
    boolean allSeen = true;
    for (ProcessHandle each : ProcessHandle.current().descendants().toList()) {
      Optional<PidFd> held = PidFd.open(each.pid());
      if (held.isPresent() && !held.get().awaitEnd(0)) {
        living.add(new Held(each.pid(), held.get()));
        ended.remove(each.pid());
        continue;
      }
      // One that has ended stays listed for as long as nobody has asked how.
      held.ifPresent(PidFd::close);
      allSeen &= !ended.add(each.pid());
    }
    return allSeen;
  }

  /** Kills all of it that lives, unless it may: no way out of here leaves it without a seal. */
  @Override
  public void close() {
    try {
      if (!settled && !killAll(SealCommand.KILL_BUDGET.toNanos())) {
        say.accept("COMMAND hangs in the kernel and cannot be killed, see what it still does");
      }
    } catch (PosixException | RuntimeException e) {
      say.accept("COMMAND is killed without being held: " + e.getMessage());
      killUnheld();
    } finally {
      handle.ifPresent(PidFd::close);
    }
  }

  /** What can be done without descriptors. */
  private void killUnheld() {
    List<ProcessHandle> all = ProcessHandle.current().descendants().toList();
    all.forEach(ProcessHandle::destroyForcibly);
    try {
      CompletableFuture.allOf(
              all.stream().map(ProcessHandle::onExit).toArray(CompletableFuture<?>[]::new))
          .get(SealCommand.KILL_BUDGET.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      say.accept("what COMMAND has started may be alive still: " + e);
    }
  }
}
