package io.selkie.test.bench;

import io.selkie.config.cli.CommandFactory;
import io.selkie.config.time.NanoClock;
import io.selkie.test.support.Terminal;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code selkie bench}: figures, not impressions. */
@Command(
    name = "bench",
    description =
        "Measure latency, throughput, layouts, recalls and allocations against a bare TCP echo. "
            + "Without a URL it starts a server of its own in a child process.",
    mixinStandardHelpOptions = true)
public final class BenchCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(
      arity = "0..1",
      paramLabel = "nfs://HOST[:PORT]/DIR",
      description = "A writable directory on a server that was started with --bench-listen.")
  private String url;

  @Option(
      names = "--echo",
      paramLabel = "HOST:PORT",
      description = "What that server's --bench-listen says; needed with a URL.")
  private String echo;

  @Option(
      names = "--local-dir",
      paramLabel = "DIR",
      description = "Where the URL's directory lies on this machine, to measure recalls.")
  private Path localDirectory;

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description = "Where the server of its own keeps its export; must not be a tmpfs.")
  private Path directory;

  @Mixin private ReportOptions shown;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description = "Interleaved rounds; the median counts. Default: ${DEFAULT-VALUE}.")
  private int rounds = 7;

  @Option(
      names = "--operations",
      paramLabel = "N",
      description = "4 KiB operations of a kind in a round. Default: ${DEFAULT-VALUE}.")
  private int operations = 2000;

  @Option(
      names = "--bulk",
      paramLabel = "N",
      description = "1 MiB operations of a kind in a round. Default: ${DEFAULT-VALUE}.")
  private int bulk = 1024;

  @Option(
      names = "--in-flight",
      paramLabel = "N",
      description =
          "1 MiB operations in flight of the echo and of NFS, 1 to 64. Default: ${DEFAULT-VALUE},"
              + " as many as the direct client keeps in flight.")
  private int inFlight = 16;

  @Option(
      names = "--recalls",
      paramLabel = "N",
      description = "Recalls to measure; 0 leaves them out. Default: ${DEFAULT-VALUE}.")
  private int recalls = 300;

  @Option(
      names = "--layouts",
      paramLabel = "N",
      description =
          "Layouts to hold for the heap's sake; 0 leaves it out. " + "Default: ${DEFAULT-VALUE}.")
  private int layouts = 10_000;

  private BenchCommand() {}

  /** Makes the command. */
  public static final class Factory implements CommandFactory {
    /** For the service loader. */
    public Factory() {}

    @Override
    public Object create() {
      return new BenchCommand();
    }

    @Override
    public String name() {
      return "bench";
    }
  }

  @Override
  public Integer call() throws Exception {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    Consumer<String> progress =
        Terminal.isInteractive() || !shown.isJson() ? line -> show(err, line) : line -> {};
    BenchReport report = new BenchReport();
    report.fact(
        "command",
        "selkie bench "
            + String.join(
                " ", spec.commandLine().getParseResult().originalArgs().stream().skip(1).toList()));
    Bench.Wishes wishes = new Bench.Wishes(rounds, operations, bulk, inFlight, recalls, layouts);
    try (BenchTarget target =
        url == null
            ? BenchTarget.ownServer(directory)
            : BenchTarget.of(url, echo, localDirectory)) {
      new Bench(NanoClock.system(), wishes, target, progress).run(report);
    } catch (IOException e) {
      err.println("selkie bench: " + e.getMessage());
      return ExitCode.SOFTWARE;
    }
    shown.show(report, out);
    return ExitCode.OK;
  }

  private static void show(PrintWriter err, String line) {
    err.println("bench: " + line);
    err.flush();
  }
}
