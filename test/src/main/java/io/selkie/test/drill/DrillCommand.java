package io.selkie.test.drill;

import io.selkie.config.ConfigException;
import io.selkie.config.cli.CommandFactory;
import io.selkie.config.time.NanoClock;
import io.selkie.server.WallClock;
import io.selkie.test.support.ChildJvm;
import io.selkie.test.support.Terminal;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code selkie drill}: recalls on purpose, and whether all came as it must. */
@Command(
    name = "drill",
    description = {
      "Play scenarios of layout recalls: clients that answer at once, late, partly or never, that"
          + " lose the connection, keep writing or lie, and local processes that want their files.",
      "Without --server a throw-away server is started on a temporary directory, and ended.",
    },
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {
      "0:all was as expected",
      "1:an expectation failed, or a scenario could not be played",
      "2:a mistake in a scenario, or wrong usage"
    },
    footer = {
      "",
      "Examples:",
      "  selkie drill",
      "  selkie drill never-returns --timeline never.svg",
      "  selkie drill --show never-returns > mine.yaml",
      "  selkie drill mine.yaml --server localhost --path /srv/data --socket /run/selkie/ctl.sock"
    })
public final class DrillCommand implements Callable<Integer> {

  private static final int NFS_PORT = 2049;

  @Spec private CommandSpec spec;

  @Parameters(
      arity = "0..*",
      paramLabel = "SCENARIO",
      description = "Names of those that ship (--list), or files. Default: all that ship.")
  private List<String> words = new ArrayList<>();

  @Option(names = "--list", description = "Only list the scenarios that ship.")
  private boolean list;

  @Option(
      names = "--show",
      paramLabel = "NAME",
      description = "Only print a scenario that ships, as a beginning for your own.")
  private Optional<String> show = Optional.empty();

  @Option(names = "--check", description = "Only look for mistakes in the scenarios.")
  private boolean check;

  @Option(
      names = "--server",
      paramLabel = "HOST[:PORT]",
      description = "A server that runs already. Clients of the scenario are all it loses.")
  private Optional<String> server = Optional.empty();

  @Option(
      names = "--path",
      paramLabel = "DIR",
      description = "With --server: the directory on this machine that is exported.")
  private Optional<Path> path = Optional.empty();

  @Option(
      names = "--socket",
      paramLabel = "PATH",
      description = "With --server: the socket of its administrators.")
  private Optional<Path> socket = Optional.empty();

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description = "Where the throw-away server keeps its files; must not be a tmpfs.")
  private Optional<Path> directory = Optional.empty();

  @Option(names = "--short", description = "Print what happened only where something failed.")
  private boolean isShort;

  @Option(
      names = "--report-json",
      paramLabel = "FILE",
      description = "Write everything as one JSON object.")
  private Optional<Path> json = Optional.empty();

  @Option(
      names = "--report-junit",
      paramLabel = "FILE",
      description = "Write what was expected as JUnit XML.")
  private Optional<Path> junit = Optional.empty();

  @Option(names = "--timeline", paramLabel = "FILE", description = "Draw what happened, as SVG.")
  private Optional<Path> timeline = Optional.empty();

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Of where clients write. Default: ${DEFAULT-VALUE}.")
  private long seed = 1;

  private DrillCommand() {}

  /** Makes the command. */
  public static final class Factory implements CommandFactory {
    /** For the service loader. */
    public Factory() {}

    @Override
    public Object create() {
      return new DrillCommand();
    }

    @Override
    public String name() {
      return "drill";
    }
  }

  @Override
  public Integer call() throws Exception {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    try {
      if (list) {
        for (String name : Library.NAMES) {
          out.printf("%-24s %s%n", name, about(Library.load(name)));
        }
        return ExitCode.OK;
      }
      if (show.isPresent()) {
        out.print(Library.text(show.get()));
        out.flush();
        return ExitCode.OK;
      }
    } catch (IOException e) {
      err.println("selkie drill: " + e.getMessage());
      return ExitCode.USAGE;
    }
    Optional<List<Scenario>> scenarios = scenarios(err);
    if (scenarios.isEmpty()) {
      return ExitCode.USAGE;
    }
    return check ? ExitCode.OK : play(scenarios.get(), out, err);
  }

  private static String about(Scenario scenario) {
    return scenario.head().about().strip().replaceAll("\\s+", " ");
  }

  /** All of them, or nothing and what is wrong with each was said. */
  private Optional<List<Scenario>> scenarios(PrintWriter err) {
    List<Scenario> scenarios = new ArrayList<>();
    boolean good = true;
    for (String word : words.isEmpty() ? Library.NAMES : words) {
      try {
        Scenario scenario = Library.load(word);
        scenarios.add(scenario);
        if (server.isPresent() && scenario.steps().stream().anyMatch(Step::endsServer)) {
          err.println(
              "selkie drill: "
                  + word
                  + " stops its server, which only a throw-away one may be asked; leave --server"
                  + " or the scenario out");
          good = false;
        }
      } catch (ConfigException e) {
        e.problems().forEach(problem -> err.println("selkie drill: " + problem));
        good = false;
      } catch (IOException e) {
        err.println("selkie drill: " + word + ": " + e.getMessage());
        good = false;
      }
    }
    return good ? Optional.of(scenarios) : Optional.empty();
  }

  private int play(List<Scenario> scenarios, PrintWriter out, PrintWriter err)
      throws InterruptedException {
    TextReport report = new TextReport(Terminal.standard(out), isShort);
    List<Outcome> outcomes = new ArrayList<>();
    Drill drill =
        new Drill(
            NanoClock.system(),
            new WallClock(),
            seed,
            Path.of(System.getProperty("java.io.tmpdir")));
    List<NotPlayed> notPlayed = new ArrayList<>();
    boolean ended = false;
    try (Servers servers = servers()) {
      for (Scenario scenario : scenarios) {
        Outcome outcome = drill.play(scenario, servers.forScenario(scenario));
        outcomes.add(outcome);
        report.tell(outcome);
        servers.after(outcome);
      }
      ended = true;
    } catch (IOException e) {
      err.println("selkie drill: " + e.getMessage());
      ended = false;
      String reason = String.valueOf(e.getMessage());
      for (Scenario scenario : scenarios.subList(outcomes.size(), scenarios.size())) {
        notPlayed.add(
            notPlayed.isEmpty()
                ? new NotPlayed(scenario.name(), true, reason)
                : new NotPlayed(scenario.name(), false, "not played"));
      }
    }
    report.conclude(outcomes, notPlayed);
    out.flush();
    try {
      if (json.isPresent()) {
        Files.writeString(json.get(), JsonReport.of(outcomes, notPlayed, seed));
      }
      if (junit.isPresent()) {
        Files.writeString(junit.get(), JunitReport.of(outcomes, notPlayed));
      }
      if (timeline.isPresent()) {
        Files.writeString(timeline.get(), TimelinePicture.of(outcomes));
      }
    } catch (IOException e) {
      err.println("selkie drill: a report cannot be written: " + e);
      return ExitCode.SOFTWARE;
    }
    boolean good = ended && outcomes.stream().allMatch(Outcome::passed);
    return good ? ExitCode.OK : ExitCode.SOFTWARE;
  }

  private Servers servers() throws IOException, InterruptedException {
    if (server.isEmpty()) {
      if (path.isPresent() || socket.isPresent()) {
        throw new ParameterException(
            spec.commandLine(), "--path and --socket are of a running server: give --server too");
      }
      return Servers.throwAway(directory, ChildJvm.classPath());
    }
    if (path.isEmpty() || socket.isEmpty()) {
      throw new ParameterException(
          spec.commandLine(),
          "--server needs --path, the exported directory on this machine, and --socket, that of"
              + " its administrators");
    }
    return Servers.running(RunningServer.of(address(server.get()), socket.get(), path.get()));
  }

  private InetSocketAddress address(String text) {
    int colon = text.lastIndexOf(':');
    boolean hasPort = colon > 0 && text.indexOf(']') < colon && text.substring(colon).length() > 1;
    try {
      int port = hasPort ? Integer.parseInt(text.substring(colon + 1)) : NFS_PORT;
      String host = hasPort ? text.substring(0, colon) : text;
      InetSocketAddress address = new InetSocketAddress(host, port);
      if (!address.isUnresolved()) {
        return address;
      }
    } catch (IllegalArgumentException _) {
      // Told below.
    }
    throw new ParameterException(
        spec.commandLine(), "--server " + text + " cannot be resolved; write HOST or HOST:PORT");
  }
}
