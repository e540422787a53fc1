package io.selkie.test.bench;

import io.selkie.config.cli.CommandFactory;
import io.selkie.config.time.NanoClock;
import io.selkie.test.support.MachineFacts;
import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.support.Workspace;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code selkie bench-admin}: what looking at a server costs those who work with it. */
@Command(
    name = "bench-admin",
    description =
        "Measure what administrators cost: fills a server of its own with layouts, lists them by"
            + " its socket and by HTTP, with and without clients that read meanwhile, and scrapes"
            + " its metrics. Who lists is patient (nice 10, long slices), as selkie ctl is, so that"
            + " what is measured is the server's part and not that of a lister beside it.",
    mixinStandardHelpOptions = true)
public final class AdminBenchCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Option(
      names = "--layouts",
      paramLabel = "N",
      description = "Layouts to hold. Default: ${DEFAULT-VALUE}.")
  private int layouts = 1_000_000;

  @Option(
      names = "--files",
      paramLabel = "N",
      description = "Files that they are of. Default: ${DEFAULT-VALUE}.")
  private int files = 50;

  @Option(
      names = "--clients",
      paramLabel = "N",
      description = "Clients that hold them, all of them on each file. Default: ${DEFAULT-VALUE}.")
  private int clients = 20;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description = "Interleaved rounds; the median counts. Default: ${DEFAULT-VALUE}.")
  private int rounds = 10;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      description = "How long clients read in a round, each way. Default: ${DEFAULT-VALUE}.")
  private double seconds = 3;

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description = "Where the export goes; must not be a tmpfs.")
  private Optional<Path> directory = Optional.empty();

  @Option(
      names = "--server-flag",
      paramLabel = "FLAG",
      description = "A flag for the Java machine of the server.")
  private List<String> serverFlags = List.of();

  @Mixin private ReportOptions shown;

  private AdminBenchCommand() {}

  /** Makes the command. */
  public static final class Factory implements CommandFactory {
    /** For the service loader. */
    public Factory() {}

    @Override
    public Object create() {
      return new AdminBenchCommand();
    }

    @Override
    public String name() {
      return "bench-admin";
    }
  }

  @Override
  public Integer call() throws Exception {
    PrintWriter err = spec.commandLine().getErr();
    Consumer<String> progress =
        line -> {
          err.println("bench-admin: " + line);
          err.flush();
        };
    BenchReport report = new BenchReport();
    report.fact(
        "command",
        "selkie " + String.join(" ", spec.commandLine().getParseResult().originalArgs()));
    report.fact("date", LocalDate.now(ZoneOffset.UTC).toString());
    report.fact(
        "set_up",
        "%d clients, each with %d layouts on each of %d files"
            .formatted(clients, layouts / clients / files, files));
    try (ScratchDirectory scratch =
        ScratchDirectory.in(Workspace.choose(directory), "selkie-bench-admin-")) {
      Path export = Files.createDirectory(scratch.resolve("e"));
      MachineFacts.collect(export).forEach(report::fact);
      report.fact("server_flags", String.join(" ", serverFlags));
      try (ServerProcess server =
          ServerProcess.of(export)
              .scratch(scratch.path())
              .jvmFlags(serverFlags.toArray(String[]::new))
              .config(
                  """
                  http: {listen: "127.0.0.1:0"}
                  layout: {maxLayouts: %1$d, maxLayoutsPerClient: %1$d}
                  sessions: {leaseSeconds: 3600, graceSeconds: 3600}
                  """
                      .formatted(layouts + 1000))
              .start()) {
        progress.accept("selkie is process " + server.pid());
        AdminBench.Wishes wishes = new AdminBench.Wishes(layouts, files, clients, rounds, seconds);
        new AdminBench(NanoClock.system(), server, scratch.path(), wishes, progress).run(report);
      }
    } catch (IOException e) {
      err.println("selkie bench-admin: " + e.getMessage());
      return ExitCode.SOFTWARE;
    }
    shown.show(report, spec.commandLine().getOut());
    return ExitCode.OK;
  }
}
