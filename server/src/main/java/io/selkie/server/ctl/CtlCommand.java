package io.selkie.server.ctl;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigException;
import io.selkie.config.ConfigLoader;
import io.selkie.config.SelkieConfig;
import io.selkie.config.cli.CommandFactory;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.PatientThreads;
import io.selkie.server.admin.AdminClient;
import io.selkie.server.admin.AdminException;
import io.selkie.server.admin.AdminRequest;
import io.selkie.server.state.StateDirectory;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code selkie ctl}: what a running server holds, and how to get it back. */
@Command(
    name = "ctl",
    description = {
      "See what a running server holds, and take it back.",
      "It is asked by its Unix socket; see the group admin of the configuration for who may."
    },
    mixinStandardHelpOptions = true,
    scope = ScopeType.LOCAL,
    subcommands = {
      CtlLists.Status.class,
      CtlLists.Exports.class,
      CtlLists.Clients.class,
      CtlLists.Sessions.class,
      CtlLists.Layouts.class,
      CtlLists.Delegations.class,
      CtlLists.Seals.class,
      CtlLists.Opens.class,
      CtlLists.Locks.class,
      CtlLists.Devices.class,
      CtlEvents.class,
      CtlFile.class,
      CtlLists.BadBlocks.class,
      CtlChanges.Recall.class,
      CtlChanges.Fence.class,
      CtlChanges.Expire.class,
      CtlChanges.Drain.class,
      CtlChanges.Reload.class,
      CtlChanges.Log.class,
      CtlChanges.Grace.class,
      CtlChanges.Completion.class
    },
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {
      "0:done",
      "1:the server said no, or not all was done",
      "2:wrong usage",
      "3:there is no server, or it may not be asked"
    },
    footer = {
      "",
      "Examples:",
      "  selkie ctl status",
      "  selkie ctl layouts --client 6a0b000000000001 --json",
      "  selkie ctl seals --state recalling --watch=1",
      "  selkie ctl show /srv/pool/database",
      "  selkie ctl recall --file /srv/pool/database",
      "  selkie ctl fence --client 6a0b000000000001 --yes",
      "  selkie ctl reload --dry-run"
    })
public final class CtlCommand implements Runnable {

  static final int NO_SERVER = 3;

  private static final ObjectMapper JSON = new ObjectMapper();

  @Spec private CommandSpec spec;

  @Option(
      names = "--socket",
      paramLabel = "PATH",
      scope = ScopeType.INHERIT,
      description = "The server's socket. Default: ctl.sock in its state directory.")
  private Optional<Path> socket = Optional.empty();

  @Option(
      names = "--state-dir",
      paramLabel = "DIR",
      scope = ScopeType.INHERIT,
      description = "The server's state directory, as it was given to selkie serve.")
  private Optional<Path> stateDirectory = Optional.empty();

  @Option(
      names = "--config",
      paramLabel = "FILE",
      scope = ScopeType.INHERIT,
      description = "The server's configuration, which says where the socket is.")
  private Optional<Path> config = Optional.empty();

  @Option(
      names = "--json",
      scope = ScopeType.INHERIT,
      description = "The same for a program; field names stay as they are.")
  private boolean json;

  private CtlCommand() {}

  /** Makes the command. */
  public static final class Factory implements CommandFactory {
    /** For the service loader. */
    public Factory() {}

    @Override
    public Object create() {
      return CtlChoices.of(new CtlCommand());
    }

    @Override
    public String name() {
      return "ctl";
    }
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing subcommand; see --help");
  }

  boolean isJson() {
    return json;
  }

  PrintWriter out() {
    return spec.commandLine().getOut();
  }

  PrintWriter err() {
    return spec.commandLine().getErr();
  }

  /** How an answer is read: rows, then what ends it. */
  interface Answered {
    /** A row. */
    void row(byte[] text, int offset, int length) throws IOException;

    /** The end; an exit status. */
    int done(JsonNode end) throws IOException;
  }

  /** Asks the server; an exit status. */
  int ask(AdminRequest request, Answered answered) {
    // On the server's own machine whoever looks takes nobody's turn.
    var _ = PatientThreads.join();
    Path path;
    try {
      path = path();
    } catch (ConfigException e) {
      e.problems().forEach(problem -> err().println("selkie: " + problem));
      return CommandLine.ExitCode.USAGE;
    }
    AdminClient client;
    try {
      client = AdminClient.connect(path);
    } catch (IOException | UnsupportedOperationException e) {
      return failed(
          NO_SERVER,
          "no_server",
          "no server can be asked by %s: %s; is it running, and are you its administrator? See"
                  .formatted(path, e.getMessage())
              + " --socket, --state-dir and --config",
          List.of());
    }
    try (client) {
      JsonNode end =
          client.ask(
              request,
              new AdminClient.Reader() {
                @Override
                public void row(byte[] text, int offset, int length) throws IOException {
                  answered.row(text, offset, length);
                }

                @Override
                public void progress(String text) {
                  err().println(text);
                  err().flush();
                }
              });
      return answered.done(end);
    } catch (AdminException e) {
      int status =
          e.code() == AdminException.Code.BAD_REQUEST
              ? CommandLine.ExitCode.USAGE
              : e.code() == AdminException.Code.FORBIDDEN
                  ? NO_SERVER
                  : CommandLine.ExitCode.SOFTWARE;
      return failed(status, e.code().name().toLowerCase(Locale.ROOT), e.getMessage(), e.details());
    } catch (IOException e) {
      return failed(CommandLine.ExitCode.SOFTWARE, "lost", "the server was lost: " + e, List.of());
    }
  }

  private int failed(int status, String code, String message, List<String> details) {
    if (json) {
      ObjectNode error = JSON.createObjectNode();
      ObjectNode body = error.putObject("error").put("code", code).put("message", message);
      var list = body.putArray("details");
      details.forEach(list::add);
      out().println(error);
      out().flush();
    } else {
      err().println("selkie: " + message);
      details.forEach(detail -> err().println("  " + detail));
      err().flush();
    }
    return status;
  }

  private Path path() throws ConfigException {
    if (socket.isPresent()) {
      return socket.get();
    }
    SelkieConfig loaded = ConfigLoader.load(config, CommandLineSettings.NONE);
    return loaded
        .admin()
        .socket()
        .filter(_ -> stateDirectory.isEmpty())
        .orElseGet(() ->
            stateDirectory
                .or(loaded::stateDirectory)
                .orElseGet(() ->
                    StateDirectory.defaultPath(
                        new LinuxKernel().effectiveUid(),
                        StateDirectory.SYSTEM,
                        Optional.ofNullable(System.getenv("XDG_STATE_HOME")),
                        Path.of(System.getProperty("user.home"))))
                .resolve("ctl.sock"));
  }
}
