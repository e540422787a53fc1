package io.selkie.lease;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.SealListener;
import io.selkie.lease.Sealer.SealOutcome;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.PosixException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.slf4j.LoggerFactory;

/** The module on the real kernel, a directory on a real file system, and other processes. */
final class RealRig implements AutoCloseable, SealListener, LeaseEvents {
  static final int WAIT_SECONDS = 40;
  static final LeaseDeadlines DEADLINES =
      new LeaseDeadlines(
          TimeUnit.SECONDS.toNanos(45),
          TimeUnit.SECONDS.toNanos(20),
          TimeUnit.SECONDS.toNanos(5),
          TimeUnit.SECONDS.toNanos(2));

  final Kernel kernel;
  final NanoClock clock = NanoClock.system();
  final Path directory;
  final LeaseRuntime runtime;
  final BlockingQueue<Break> breaks = new LinkedBlockingQueue<>();
  final BlockingQueue<SignalAnomaly> anomalies = new LinkedBlockingQueue<>();
  private final ScheduledExecutorService timerThread =
      Executors.newSingleThreadScheduledExecutor(Thread.ofPlatform().daemon().factory());
  private final ExecutorService blocking =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().factory());
  private final List<Process> processes = new ArrayList<>();
  private final List<RealTarget> targets = new ArrayList<>();

  /** A break as the listener heard of it. */
  record Break(Seal seal, BreakCause cause, long seenAtNanos, long deadlineNanos) {}

  RealRig() throws IOException, PosixException {
    this(new LinuxKernel());
  }

  RealRig(Kernel kernel) throws IOException, PosixException {
    ((Logger) LoggerFactory.getLogger("io.selkie.lease")).setLevel(Level.OFF);
    this.kernel = kernel;
    directory = newDirectory();
    Timers timers =
        (delay, task) -> {
          ScheduledFuture<?> future =
              timerThread.schedule(task, Math.max(0, delay), TimeUnit.NANOSECONDS);
          return () -> future.cancel(false);
        };
    runtime =
        LeaseRuntime.start(
            new LeaseRuntime.Parts(
                kernel, clock, timers, blocking, DEADLINES, LeaseSettings.defaults(), this));
  }

  /** A new directory on a file system with a block map, which the temporary one need not be on. */
  static Path newDirectory() throws IOException {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    Files.createDirectories(base);
    return Files.createTempDirectory(base, "lease");
  }

  @Override
  public void onBreak(Seal seal, BreakCause cause, long seenAtNanos, long deadlineNanos) {
    breaks.add(new Break(seal, cause, seenAtNanos, deadlineNanos));
  }

  @Override
  public void onSignalAnomaly(SignalAnomaly anomaly, int fd, long atNanos) {
    anomalies.add(anomaly);
  }

  /** A file of so many bytes, written and synced. */
  Path file(String name, int bytes) throws IOException {
    Path path = directory.resolve(name);
    byte[] content = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      content[i] = (byte) (i * 31 + 7);
    }
    Files.write(path, content);
    return path;
  }

  RealTarget open(Path path, boolean writable) {
    var target = new RealTarget(kernel, path, writable);
    targets.add(target);
    return target;
  }

  SealOutcome seal(SealTarget target, Purpose purpose) {
    return runtime.sealer().seal(target, purpose, new ByteRange(0, 1L << 40), this);
  }

  SealOutcome.Sealed sealed(SealTarget target, Purpose purpose) {
    return switch (seal(target, purpose)) {
      case SealOutcome.Sealed sealed -> sealed;
      case SealOutcome.Refused(Sealer.Refusal refusal) ->
          throw new AssertionError(refusal.toString());
    };
  }

  /** Starts another process in the directory; it is killed at the end at the latest. */
  Process start(String... command) throws IOException {
    Process process =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    processes.add(process);
    return process;
  }

  /** Runs another process to its end and answers its exit status. */
  int run(String... command) throws IOException, InterruptedException {
    Process process = start(command);
    if (!process.waitFor(WAIT_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("does not end: " + List.of(command));
    }
    return process.exitValue();
  }

  /** The next break; fails when none comes. */
  Break nextBreak() throws InterruptedException {
    Break next = breaks.poll(WAIT_SECONDS, TimeUnit.SECONDS);
    if (next == null) {
      throw new AssertionError("no break came");
    }
    return next;
  }

  /** Closes what this rig opened, so that its file system can be unmounted. */
  void closeTargets() {
    targets.forEach(RealTarget::close);
    targets.clear();
  }

  @Override
  public void close() throws IOException, InterruptedException {
    for (Process process : processes) {
      process.destroyForcibly().waitFor();
    }
    runtime.close();
    closeTargets();
    timerThread.shutdownNow();
    blocking.shutdownNow();
    deleteAll(directory);
  }

  static void deleteAll(Path directory) throws IOException {
    try (Stream<Path> paths = Files.walk(directory)) {
      paths
          .sorted(Comparator.reverseOrder())
          .forEach(path -> {
            try {
              Files.deleteIfExists(path);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    }
  }
}
