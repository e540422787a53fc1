package io.selkie.server;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigException;
import io.selkie.config.ConfigProblem;
import io.selkie.config.ConfigSource;
import io.selkie.config.SelkieConfig;
import io.selkie.config.cli.CommandFactory;
import io.selkie.config.time.NanoClock;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.ProcessSignal;
import io.selkie.posix.QuitSignal;
import io.selkie.server.keeper.Surroundings;
import io.selkie.server.trace.EventDump;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code selkie serve}: runs a server until it is told to stop (SIGTERM, SIGINT). */
@Command(
    name = "serve",
    description = {
      "Serve directories over NFSv4.1 with pNFS RDMA layouts.",
      "SIGTERM and SIGINT stop it in order. SIGHUP loads the configuration again. SIGUSR1 writes"
          + " the last 10,000 events to a file in the state directory. SIGQUIT does so, too, and"
          + " prints all threads on standard output."
    },
    mixinStandardHelpOptions = true)
public final class ServeCommand implements Callable<Integer> {

  private static final Logger LOG = LoggerFactory.getLogger(ServeCommand.class);

  @Spec private CommandSpec spec;

  @Option(
      names = "--export",
      paramLabel = "DIR[=NAME]",
      description = "A directory to serve, and its name there. May be given several times.")
  private List<String> exports = List.of();

  @Option(names = "--config", paramLabel = "FILE", description = "The configuration file, YAML.")
  private Optional<Path> config = Optional.empty();

  @Option(
      names = "--listen",
      paramLabel = "HOST:PORT",
      description = "Where NFS clients connect; port 0 takes a free one. Default 127.0.0.1:2049.")
  private Optional<String> listen = Optional.empty();

  @Option(
      names = "--rdma-listen",
      paramLabel = "HOST:PORT",
      description = "Where queue pairs connect. Default 127.0.0.1:20049.")
  private Optional<String> rdmaListen = Optional.empty();

  @Option(
      names = "--rdma-provider",
      paramLabel = "PROVIDER",
      description =
          "iwarp (software), verbs (an RDMA device), auto (the device where it was proven to work,"
              + " else iwarp) or off. Default iwarp.")
  private Optional<String> rdmaProvider = Optional.empty();

  @Option(
      names = "--bench-listen",
      paramLabel = "HOST:PORT",
      description = "Where selkie bench finds an echo and the server's counters. Default: nowhere.")
  private Optional<String> benchListen = Optional.empty();

  @Option(
      names = "--state-dir",
      paramLabel = "DIR",
      description = "What must outlive a restart. Default /var/lib/selkie, or in XDG_STATE_HOME.")
  private Optional<Path> stateDirectory = Optional.empty();

  @Option(
      names = "--log-level",
      paramLabel = "LEVEL",
      description = "error, warn, info, debug or trace. Default info.")
  private Optional<String> logLevel = Optional.empty();

  @Option(
      names = "--json-ready",
      description = "Say in one line of JSON, not in words, that and where the server is ready.")
  private boolean jsonReady;

  @Option(
      names = "--stop-when-ready",
      description =
          "Start, say so, and stop in order: whether a configuration works, or how long it takes.")
  private boolean stopWhenReady;

  private ServeCommand() {}

  /** Makes the command. */
  public static final class Factory implements CommandFactory {
    /** For the service loader. */
    public Factory() {}

    @Override
    public Object create() {
      return new ServeCommand();
    }

    @Override
    public String name() {
      return "serve";
    }
  }

  @Override
  public Integer call() throws InterruptedException {
    PrintWriter err = spec.commandLine().getErr();
    StartTimes times = new StartTimes(NanoClock.system());
    ConfigSource source =
        new ConfigSource(
            config.map(Path::toAbsolutePath),
            new CommandLineSettings(
                exports, listen, rdmaListen, rdmaProvider, benchListen, stateDirectory, logLevel));
    SelkieConfig loaded;
    try {
      loaded = source.load();
    } catch (ConfigException e) {
      for (ConfigProblem problem : e.problems()) {
        err.println("selkie: " + problem);
      }
      return CommandLine.ExitCode.USAGE;
    }
    if (loaded.exports().isEmpty()) {
      err.println("selkie: there is nothing to serve; give --export DIR, or exports in --config");
      return CommandLine.ExitCode.USAGE;
    }
    Logging.level(loaded.log().level());
    Logging.format(loaded.log().format());
    times.configured();
    SelkieServer server;
    try {
      var surroundings = new Surroundings(System.getenv(), ProcessHandle.current().pid());
      server = SelkieServer.start(loaded, source, new LinuxKernel(), Optional.of(surroundings));
    } catch (IOException e) {
      LOG.debug("not started", e);
      err.println("selkie: not started: " + e.getMessage());
      return CommandLine.ExitCode.SOFTWARE;
    }
    ServiceManager manager = ServiceManager.of(System.getenv(), ProcessHandle.current().pid());
    Thread stop =
        Thread.ofPlatform()
            .name("stop")
            .unstarted(() -> {
              manager.stopping(Control.endBound(server.config()));
              server.stop(Control.stopBound(server.config()));
            });
    Runtime.getRuntime().addShutdownHook(stop);
    if (!ProcessSignal.handle("HUP", () -> server.reloadSoon("SIGHUP"))) {
      LOG.warn("SIGHUP is not taken: the configuration is loaded again by selkie ctl reload only");
    }
    try (QuitSignal _ = keepEvents(server)) {
      serve(server, manager, times);
    }
    return CommandLine.ExitCode.OK;
  }

  private void serve(SelkieServer server, ServiceManager manager, StartTimes times)
      throws InterruptedException {
    PrintWriter out = spec.commandLine().getOut();
    out.println(jsonReady ? json(server) : words(server));
    out.flush();
    times.ready();
    manager.ready(words(server));
    manager.watch(server.timers(), server::isSound);
    if (stopWhenReady) {
      server.stop(Control.stopBound(server.config()));
    }
    server.awaitStopped();
  }

  /** What led to a failure is written down; so is what happened, when somebody asks by a signal. */
  private static QuitSignal keepEvents(SelkieServer server) {
    EventDump dump = server.dump();
    Logging.onError(dump::failure);
    Thread.setDefaultUncaughtExceptionHandler(
        (thread, failure) -> LOG.error("thread {} ended by a defect", thread.getName(), failure));
    if (!ProcessSignal.handle("USR1", () -> dump.asked("signal"))) {
      LOG.warn("SIGUSR1 is not taken: recent events are told by selkie ctl events only");
    }
    QuitSignal quit = QuitSignal.listen(() -> dump.asked("signal"));
    if (!quit.isHeard()) {
      LOG.info("SIGQUIT prints the threads and no events ({}): SIGUSR1 does", quit.whyNot());
    }
    return quit;
  }

  private static String words(SelkieServer server) {
    return "selkie ready: nfs=%s rdma=%s diagnostics=%s exports=%s"
        .formatted(
            text(server.nfsAddress()),
            server.rdmaAddress().map(ServeCommand::text).orElse("-"),
            server.diagnosticsAddress().map(ServeCommand::text).orElse("-"),
            String.join(",", server.config().exports().stream().map(e -> e.name()).toList()));
  }

  private static String json(SelkieServer server) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("ready", true);
    values.put("pid", ProcessHandle.current().pid());
    values.put("nfs", text(server.nfsAddress()));
    values.put("rdma", server.rdmaAddress().map(ServeCommand::text).orElse(null));
    values.put("diagnostics", server.diagnosticsAddress().map(ServeCommand::text).orElse(null));
    values.put("http", server.httpAddress().map(ServeCommand::text).orElse(null));
    values.put("ctl", server.adminSocket().map(Path::toString).orElse(null));
    values.put(
        "exports",
        server.config().exports().stream()
            .map(export -> Map.of("name", export.name(), "path", export.path().toString()))
            .toList());
    return new ObjectMapper().valueToTree(values).toString();
  }

  private static String text(InetSocketAddress address) {
    String host = address.getAddress().getHostAddress();
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + address.getPort();
  }
}
