package io.selkie.test.demo;

import io.selkie.config.cli.CommandFactory;
import io.selkie.config.time.NanoClock;
import io.selkie.test.support.Json;
import io.selkie.test.support.Terminal;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code selkie demo}: shows the whole path and checks each step of it. */
@Command(
    name = "demo",
    description =
        "Start a server on a temporary export, copy a real file in and out one-sided, let another "
            + "process truncate a file under a layout, then the same with a client that never "
            + "answers. Exit status 0 only if every step held.",
    mixinStandardHelpOptions = true)
public final class DemoCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description = "Where the temporary export goes; must not be a tmpfs.")
  private Optional<Path> directory = Optional.empty();

  @Option(
      names = "--file",
      paramLabel = "FILE",
      description = "The file to copy, at least 100 MiB. Default: the JDK's own modules file.")
  private Optional<Path> file = Optional.empty();

  @Option(names = "--json", description = "Everything as one JSON object on standard output.")
  private boolean json;

  private DemoCommand() {}

  /** Makes the command. */
  public static final class Factory implements CommandFactory {
    /** For the service loader. */
    public Factory() {}

    @Override
    public Object create() {
      return new DemoCommand();
    }

    @Override
    public String name() {
      return "demo";
    }
  }

  @Override
  public Integer call() throws Exception {
    PrintWriter out = spec.commandLine().getOut();
    DemoReport report = new DemoReport(json ? null : Terminal.standard(out));
    try (Demo demo = Demo.start(NanoClock.system(), report, directory, file)) {
      demo.run();
    } catch (IOException e) {
      spec.commandLine().getErr().println("selkie demo: " + e.getMessage());
      report.broke(e);
    }
    if (json) {
      out.println(Json.write(report.toJson()));
    }
    out.flush();
    return report.allHeld() ? ExitCode.OK : ExitCode.SOFTWARE;
  }
}
