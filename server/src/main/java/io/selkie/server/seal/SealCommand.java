package io.selkie.server.seal;

import io.selkie.config.LogConfig;
import io.selkie.config.cli.CommandFactory;
import io.selkie.config.time.NanoClock;
import io.selkie.lease.LeaseDeadlineException;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.lease.LeaseEvents;
import io.selkie.lease.LeaseRuntime;
import io.selkie.lease.LeaseSettings;
import io.selkie.lease.SealTarget;
import io.selkie.lease.Sealer.Refusal;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.ProcessSignal;
import io.selkie.posix.SystemFacts;
import io.selkie.server.BlockingThreads;
import io.selkie.server.Logging;
import io.selkie.server.SystemTimers;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code selkie seal}: runs a command while the block maps of files stand still. */
@Command(
    name = "seal",
    customSynopsis = "selkie seal [OPTIONS] FILE... -- COMMAND [ARGUMENT...]",
    description = {
      "Run a command while the block map of files stands still.",
      "The files are sealed by kernel leases, their maps are verified and written to $SELKIE_MAP as"
          + " JSON, and COMMAND runs. Whoever wants a map to change waits until COMMAND has been"
          + " told and has ended, or the hold is over.",
      "COMMAND may open a file that is sealed for reading (unless its mode in the map is"
          + " exclusive), but to open it otherwise breaks the seal: it works on the blocks that the"
          + " map names. Its environment has $SELKIE_FILE (the first), $SELKIE_MAP and"
          + " $SELKIE_HOLD_MILLIS.",
      "What COMMAND has started and left behind is killed before the seal is given up."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    exitCodeListHeading = "Exit status: that of COMMAND, and%n",
    exitCodeList = {
      "2:wrong usage; nothing was run",
      "123:the seal was broken, and COMMAND was ended (--on-break exit)",
      "124:the seal was broken, and COMMAND had to be killed when the hold was over",
      "125:a file could not be sealed; nothing was run",
      "126:COMMAND could not be executed",
      "127:COMMAND was not found"
    },
    footer = {
      "",
      "Examples:",
      "  selkie seal /pmem/db -- fio --filename=/dev/pmem0 job.fio",
      "  selkie seal --write --on-break signal:USR1 /pmem/a /pmem/b -- ./device-writer",
      "  selkie seal --map map.json disk.img -- sleep infinity"
    })
public final class SealCommand implements Callable<Integer> {

  static final int BROKEN = 123;
  static final int KILLED = 124;
  static final int REFUSED = 125;

  static final int SIGTERM = 15;
  private static final int SIGHUP = 1;

  /** How long killing the command may take, before the kernel would take the lease. */
  static final Duration KILL_BUDGET = Duration.ofSeconds(2);

  private static final int EXTENTS_PER_PAGE = 512;
  private static final int EXTENTS_MAX = 1 << 20;
  private static final String DELIMITER = "--";

  @Spec private CommandSpec spec;

  @Parameters(
      arity = "1..*",
      paramLabel = "FILE... -- COMMAND",
      description = "Regular files, and after -- what to run, with its arguments.")
  private List<String> words = List.of();

  @Option(
      names = "--write",
      description =
          "Prepare them for writing first: allocated, unshared, on DAX written. Nobody else may"
              + " have them open then.")
  private boolean write;

  @Option(
      names = "--on-break",
      paramLabel = "signal:NAME|exit",
      defaultValue = "signal:TERM",
      converter = OnBreak.Converter.class,
      description =
          "What COMMAND is told when a seal is being broken: any signal, or SIGTERM with a status"
              + " of our own. Default: signal:TERM.")
  private OnBreak onBreak;

  @Option(
      names = "--hold-millis",
      paramLabel = "N",
      defaultValue = "10000",
      description =
          "How long COMMAND has from then on; the seal is given up when it has ended, or is killed"
              + " after that. At most what fits into fs.lease-break-time. Default: 10000.")
  private int holdMillis;

  @Option(
      names = "--leave",
      description =
          "When the hold is over give the seal up and leave COMMAND running, without a seal: it"
              + " must not reach the blocks any more.")
  private boolean leave;

  @Option(
      names = "--map",
      paramLabel = "FILE",
      description = "Write the map there and keep it; otherwise it is a temporary file.")
  private Optional<Path> map = Optional.empty();

  private final NanoClock clock = NanoClock.system();

  private SealCommand() {}

  /** Makes the command. */
  public static final class Factory implements CommandFactory {
    /** For the service loader. */
    public Factory() {}

    @Override
    public Object create() {
      return new SealCommand();
    }

    @Override
    public String name() {
      return "seal";
    }
  }

  @Override
  public Integer call() throws IOException {
    List<String> command = command();
    List<Path> files =
        words.subList(0, words.size() - command.size()).stream()
            .map(name -> Path.of(name).toAbsolutePath())
            .toList();
    if (files.isEmpty()) {
      throw usage("name a FILE before --");
    }
    if (holdMillis < 0) {
      throw usage("--hold-millis " + holdMillis + ": 0 or more");
    }
    for (Path file : files) {
      if (map.isPresent() && Files.exists(map.get()) && Files.isSameFile(map.get(), file)) {
        throw usage("--map would overwrite " + file);
      }
    }
    Logging.level("", LogConfig.Level.WARN);
    Kernel kernel = new LinuxKernel();
    LeaseDeadlines deadlines = deadlines(kernel);
    SealedFiles sealed = new SealedFiles();
    try (SystemTimers timers = new SystemTimers("timers");
        BlockingThreads audit = new BlockingThreads("audit", 1);
        LeaseRuntime leases = leases(kernel, timers, audit, deadlines, sealed);
        sealed) {
      Optional<Refusal> refusal = sealed.seal(kernel, leases, files, write);
      if (refusal.isPresent()) {
        return refused(refusal.get());
      }
      // The kernel's time went on while this process was stopped.
      ProcessSignal.handle("CONT", () -> sealed.wokenUp(kernel, clock.nanoTime()));
      return run(command, sealed);
    }
  }

  /** What stands after the delimiter, which the parser drops. */
  private List<String> command() {
    List<String> all = spec.commandLine().getParseResult().originalArgs();
    int delimiter = all.indexOf(DELIMITER);
    if (delimiter < 0 || delimiter == all.size() - 1) {
      throw usage("say what to run: FILE... -- COMMAND [ARGUMENT...]");
    }
    return List.copyOf(all.subList(delimiter + 1, all.size()));
  }

  private LeaseDeadlines deadlines(Kernel kernel) throws IOException {
    int seconds = SystemFacts.of(kernel).leaseBreakSeconds();
    try {
      return LeaseDeadlines.of(seconds, Duration.ofMillis(holdMillis), KILL_BUDGET);
    } catch (LeaseDeadlineException e) {
      throw usage(
          "--hold-millis %d: the kernel takes the lease after %d s (fs.lease-break-time), and %d s"
                  .formatted(
                      holdMillis, seconds, KILL_BUDGET.plus(LeaseDeadlines.MARGIN).toSeconds())
              + " of it are kept free; ask for at most "
              + Math.max(0, e.recallTimeoutMax().toMillis())
              + ", or run: sysctl -w fs.lease-break-time="
              + e.leaseBreakTimeSecondsMin());
    }
  }

  private LeaseRuntime leases(
      Kernel kernel,
      SystemTimers timers,
      BlockingThreads audit,
      LeaseDeadlines deadlines,
      SealedFiles sealed)
      throws IOException {
    LeaseSettings defaults = LeaseSettings.defaults();
    LeaseSettings settings =
        new LeaseSettings(
            EXTENTS_PER_PAGE,
            EXTENTS_MAX,
            defaults.triesMax(),
            defaults.auditIntervalNanos(),
            defaults.auditSealsPerTick(),
            EXTENTS_MAX,
            defaults.auditFailuresMax());
    return LeaseRuntime.start(
        new LeaseRuntime.Parts(
            kernel, clock, timers, audit, deadlines, settings, new Alarms(sealed)));
  }

  /** What must not happen. */
  private final class Alarms implements LeaseEvents {
    private final SealedFiles sealed;

    Alarms(SealedFiles sealed) {
      this.sealed = sealed;
    }

    @Override
    public void onLost(SealTarget file, int liveHandles, long atNanos) {
      say(
          "the kernel took the lease of "
              + file.describe()
              + (liveHandles > 0 ? " while COMMAND could reach it (S4)" : "")
              + "; was this process stopped?");
      sealed.overdue(Path.of(file.describe()), atNanos);
    }

    @Override
    public void onSignalAnomaly(SignalAnomaly anomaly, int fd, long atNanos) {
      if (anomaly == SignalAnomaly.THREAD_DIED) {
        say("lease breaks are no longer seen: report this");
        sealed.giveUp(atNanos);
      }
    }
  }

  private int run(List<String> command, SealedFiles sealed) throws IOException {
    Path document = map.isPresent() ? map.get() : Files.createTempFile("selkie-map-", ".json");
    try {
      long pid = ProcessHandle.current().pid();
      MapDocument.of(pid, write, holdMillis, sealed).write(document);
      if (sealed.broken().isDone()) {
        return refused(
            new Refusal(
                Refusal.Reason.BREAKING,
                sealed.broken().join().path() + " is asked for just now; try again"));
      }
      Map<String, String> environment =
          Map.of(
              "SELKIE_FILE", sealed.files().getFirst().file().path().toString(),
              "SELKIE_MAP", document.toAbsolutePath().toString(),
              "SELKIE_HOLD_MILLIS", Integer.toString(holdMillis));
      if (!CommandProcess.diesWithUs()) {
        say("setpriv is missing (util-linux): should this be killed, COMMAND runs on unsealed");
      }
      CompletableFuture<CommandProcess> started = new CompletableFuture<>();
      passSignalsTo(started);
      try (CommandProcess process = CommandProcess.start(command, environment, clock, this::say)) {
        started.complete(process);
        return new SealedRun(process, sealed, onBreak, leave, holdMillis, clock, this::say).run();
      } catch (CommandProcess.NotExecutedException e) {
        say(e.getMessage());
        return e.status();
      }
    } finally {
      if (map.isEmpty()) {
        Files.deleteIfExists(document);
      }
    }
  }

  /** As a shell does: INT and QUIT of a terminal reach the command by themselves. */
  private static void passSignalsTo(CompletableFuture<CommandProcess> started) {
    ProcessSignal.handle("TERM", () -> started.thenAccept(it -> it.signal(SIGTERM)));
    ProcessSignal.handle("HUP", () -> started.thenAccept(it -> it.signal(SIGHUP)));
    ProcessSignal.handle("INT", () -> {});
  }

  private int refused(Refusal refusal) {
    say("not sealed (" + refusal.reason() + "): " + refusal.message());
    return REFUSED;
  }

  private ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  private void say(String message) {
    PrintWriter err = spec.commandLine().getErr();
    err.println("selkie seal: " + message);
    err.flush();
  }
}
