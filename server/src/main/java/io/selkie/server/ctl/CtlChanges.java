package io.selkie.server.ctl;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.server.admin.AdminRequest;
import io.selkie.server.admin.AdminService;
import java.io.Console;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** The commands of {@code selkie ctl} that change something. */
final class CtlChanges {

  private static final ObjectMapper JSON = new ObjectMapper();

  private CtlChanges() {}

  /** A file as the server is to be told of it: the path as the server sees it, from its root. */
  static String fileArgument(String file) {
    return file.matches("\\d+:\\d+:\\d+") ? file : Path.of(file).toAbsolutePath().toString();
  }

  /** Whether somebody sits there; JDK 25's own console is null again where nobody does. */
  @SuppressWarnings("SystemConsoleNull")
  static boolean isTerminal(Console console) {
    return console != null && console.isTerminal();
  }

  /** What all of them share. */
  abstract static class Changing implements Callable<Integer> {
    @ParentCommand private CtlCommand ctl;
    @Spec private CommandSpec spec;

    CtlCommand ctl() {
      return ctl;
    }

    CommandSpec spec() {
      return spec;
    }

    ParameterException usage(String message) {
      return new ParameterException(spec.commandLine(), message);
    }

    /** Asks the person at the terminal; without one there has to be a {@code --yes}. */
    boolean confirmed(boolean yes, String question) {
      if (yes) {
        return true;
      }
      Console console = System.console();
      if (!isTerminal(console)) {
        throw usage("this takes something from clients: give --yes, or run it at a terminal");
      }
      String answer = console.readLine("%s [y/N] ", question);
      boolean agreed = answer != null && answer.strip().matches("(?i)y(es)?");
      if (!agreed) {
        ctl.err().println("nothing was done");
        ctl.err().flush();
      }
      return agreed;
    }

    int ask(AdminRequest request) {
      return ctl.ask(
          request,
          new CtlCommand.Answered() {
            private final List<JsonNode> rows = new ArrayList<>();

            @Override
            public void row(byte[] text, int offset, int length) throws IOException {
              rows.add(JSON.readTree(text, offset, length));
            }

            @Override
            public int done(JsonNode end) {
              if (ctl.isJson()) {
                ctl.out().println(end);
              } else {
                say(end, rows);
              }
              ctl.out().flush();
              return succeeded(end) ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
            }
          });
    }

    /** For people. */
    void say(JsonNode end, List<JsonNode> rows) {
      ctl.out().println(end.path("message").asText());
    }

    boolean succeeded(JsonNode end) {
      return true;
    }
  }

  /** Recall and fence. */
  abstract static class Taking extends Changing {

    @Option(names = "--client", paramLabel = "CLIENT", description = "What this client holds.")
    private String client;

    @Option(names = "--export", paramLabel = "EXPORT", description = "What is held in this export.")
    private String export;

    @Option(
        names = "--file",
        paramLabel = "FILE",
        description = "What is held of this file: its path on the server, or MAJOR:MINOR:INODE.")
    private String file;

    @Option(
        names = "--device",
        paramLabel = "DEVICE",
        description = "What is held on this device; see selkie ctl devices.")
    private String device;

    @Option(names = "--all", description = "Everything.")
    private boolean all;

    @Option(names = "--no-wait", description = "Do not wait until it is over.")
    private boolean noWait;

    @Option(
        names = {"-y", "--yes"},
        description = "Do not ask.")
    private boolean yes;

    private final String name;
    private final String question;

    Taking(String name, String question) {
      this.name = name;
      this.question = question;
    }

    @Override
    public Integer call() {
      Map<String, String> texts = new HashMap<>();
      List<String> words = new ArrayList<>();
      put(texts, words, "client", client);
      put(texts, words, "export", export);
      put(texts, words, "file", file == null ? null : fileArgument(file));
      put(texts, words, "device", device);
      if (all == !texts.isEmpty()) {
        throw usage(
            all
                ? "say either --all, or what"
                : "say what: --client, --export, --file, --device, or --all");
      }
      String what = all ? "everything" : String.join(", ", words);
      if (!confirmed(yes, question.formatted(what))) {
        return CommandLine.ExitCode.SOFTWARE;
      }
      List<String> flags = new ArrayList<>();
      if (all) {
        flags.add("all");
      }
      if (noWait) {
        flags.add("noWait");
      }
      return ask(AdminRequest.of(name, texts, flags, 0));
    }

    private static void put(
        Map<String, String> texts, List<String> words, String key, String value) {
      if (value != null) {
        texts.put(key, value);
        words.add(key + " " + value);
      }
    }

    @Override
    void say(JsonNode end, List<JsonNode> rows) {
      ctl()
          .out()
          .println(
              "%d layouts and %d delegations %s, %s after %d ms"
                  .formatted(
                      end.path("layouts").asLong(),
                      end.path("delegations").asLong(),
                      name.equals("fence") ? "fenced" : "recalled",
                      end.path("complete").asBoolean() ? "all gone" : "not all gone",
                      end.path("elapsedMillis").asLong()));
    }

    @Override
    boolean succeeded(JsonNode end) {
      return noWait || end.path("complete").asBoolean();
    }
  }

  /** {@code recall}. */
  @Command(
      name = "recall",
      description = {
        "Ask for layouts and delegations back, and wait until they are.",
        "Clients write what they have to and return them; who does not within"
            + " layout.recallTimeoutMillis is fenced. Filters narrow each other down."
      },
      mixinStandardHelpOptions = true)
  static final class Recall extends Taking {
    Recall() {
      super("recall", "Recall %s?");
    }
  }

  /** {@code fence}. */
  @Command(
      name = "fence",
      description = {
        "Take layouts and delegations without asking anybody, and wait until no byte can land.",
        "What a client has not written yet is lost to it. Filters narrow each other down."
      },
      mixinStandardHelpOptions = true)
  static final class Fence extends Taking {
    Fence() {
      super("fence", "Fence %s? Clients are not asked and may lose what they have not written.");
    }
  }

  /** {@code expire}. */
  @Command(
      name = "expire",
      description = {
        "End a client as if its lease were over: fence what it holds, then drop its opens, locks"
            + " and sessions. A client that is alive notices and begins anew."
      },
      mixinStandardHelpOptions = true)
  static final class Expire extends Changing {
    @Parameters(
        arity = "1..2",
        paramLabel = "[client] ID",
        description = "Its id, as selkie ctl clients shows it.")
    private List<String> words;

    @Option(
        names = {"-y", "--yes"},
        description = "Do not ask.")
    private boolean yes;

    @Override
    public Integer call() {
      if (words.size() == 2 && !words.getFirst().equals("client")) {
        throw usage("write one client's id");
      }
      String id = words.getLast();
      return confirmed(yes, "End client " + id + " and take all it has?")
          ? (Integer) ask(AdminRequest.of("expire", Map.of("client", id), List.of(), 0))
          : (Integer) CommandLine.ExitCode.SOFTWARE;
    }
  }

  /** {@code drain}. */
  @Command(
      name = "drain",
      description = {
        "Grant nothing any more, recall everything, and end the server when nothing is held.",
        "Clients keep their opens and locks and reclaim them from the next server."
      },
      mixinStandardHelpOptions = true)
  static final class Drain extends Changing {
    @Option(
        names = {"-y", "--yes"},
        description = "Do not ask.")
    private boolean yes;

    @Override
    public Integer call() {
      return confirmed(yes, "Recall everything and end the server?")
          ? (Integer) ask(AdminRequest.of("drain"))
          : (Integer) CommandLine.ExitCode.SOFTWARE;
    }
  }

  /** {@code reload}. */
  @Command(
      name = "reload",
      description = {
        "Load the configuration file again: it is validated whole, the difference is shown, and all"
            + " of it is applied or nothing.",
        "Exports that are as they were notice nothing. One that is gone has its layouts recalled"
            + " first. SIGHUP does the same."
      },
      mixinStandardHelpOptions = true)
  static final class Reload extends Changing {
    @Option(names = "--dry-run", description = "Only show what would change.")
    private boolean dryRun;

    @Override
    public Integer call() {
      return ask(AdminRequest.of("reload", Map.of(), dryRun ? List.of("dryRun") : List.of(), 0));
    }

    @Override
    void say(JsonNode end, List<JsonNode> rows) {
      end.path("changes").forEach(change -> ctl().out().println(change.path("text").asText()));
      ctl()
          .out()
          .println(
              switch (end.path("outcome").asText()) {
                case "applied" -> "applied";
                case "planned" -> "not applied: this was a dry run";
                default -> "the configuration is as it was";
              });
    }
  }

  /** {@code log}. */
  @Command(
      name = "log",
      description = "Show the log's levels, or set one until the server ends or loads another.",
      mixinStandardHelpOptions = true)
  static final class Log extends Changing {
    @Parameters(
        arity = "0..3",
        paramLabel = "level LEVEL [LOGGER]",
        description = "error, warn, info, debug or trace; for one logger, or for all.")
    private List<String> words = List.of();

    @Override
    public Integer call() {
      if (words.isEmpty()) {
        return ask(AdminRequest.of("log"));
      }
      if (words.size() == 1 || !words.getFirst().equals("level")) {
        throw usage("write level and one of " + String.join(", ", AdminService.LOG_LEVELS));
      }
      Map<String, String> texts = new HashMap<>();
      texts.put("level", words.get(1));
      if (words.size() == 3) {
        texts.put("name", words.get(2));
      }
      return ask(AdminRequest.of("log", texts, List.of(), 0));
    }

    @Override
    void say(JsonNode end, List<JsonNode> rows) {
      if (!words.isEmpty()) {
        super.say(end, rows);
        return;
      }
      Table table = new Table(Lists.COLUMNS.get("log"), ctl().out());
      rows.forEach(table::add);
      table.end();
    }
  }

  /** {@code grace}. */
  @Command(
      name = "grace",
      description = {
        "Begin a grace period, in which nobody opens, locks or changes names anew, or end one.",
        "Whoever has not reclaimed when it ends loses the right to."
      },
      mixinStandardHelpOptions = true)
  static final class Grace extends Changing {
    @Parameters(paramLabel = "start|end", description = "What to do.")
    private String action;

    @Option(
        names = {"-y", "--yes"},
        description = "Do not ask.")
    private boolean yes;

    @Override
    public Integer call() {
      if (!AdminService.GRACE_ACTIONS.contains(action)) {
        throw usage("write start or end; not: " + action);
      }
      String question =
          action.equals("start")
              ? "Begin a grace period? Nobody can open files until it ends."
              : "End the grace period? Who has not reclaimed loses what it had.";
      return confirmed(yes, question)
          ? (Integer) ask(AdminRequest.of("grace", Map.of("action", action), List.of(), 0))
          : (Integer) CommandLine.ExitCode.SOFTWARE;
    }
  }

  /** {@code completion}. */
  @Command(
      name = "completion",
      description = {
        "Print what completes selkie's commands in bash and zsh:",
        "  source <(selkie ctl completion)"
      },
      mixinStandardHelpOptions = true)
  static final class Completion extends Changing {

    /** Of a server that knows more, the first are enough to choose from. */
    private static final int KNOWN_MAX = 1000;

    @Option(
        names = "--known",
        hidden = true,
        paramLabel = "LIST",
        description = "Print the names of what the server knows: clients, exports or devices.")
    private String known;

    @Override
    public Integer call() {
      if (known != null) {
        return known(CtlChoices.KNOWN.get(known));
      }
      ctl().out().println(CtlChoices.script());
      ctl().out().flush();
      return CommandLine.ExitCode.OK;
    }

    private int known(String field) {
      if (field == null) {
        throw usage("--known takes clients, exports or devices");
      }
      return ctl()
          .ask(
              AdminRequest.of(known, Map.of(), List.of(), KNOWN_MAX),
              new CtlCommand.Answered() {
                @Override
                public void row(byte[] text, int offset, int length) throws IOException {
                  ctl().out().println(JSON.readTree(text, offset, length).path(field).asText());
                }

                @Override
                public int done(JsonNode end) {
                  ctl().out().flush();
                  return CommandLine.ExitCode.OK;
                }
              });
    }
  }
}
