package io.selkie.server.ctl;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.server.admin.AdminRequest;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** The commands of {@code selkie ctl} that only look. */
final class CtlLists {

  static final String STATE = "--state";

  /** What a list may be followed by. */
  static final List<String> WORDS = List.of("list", "show");

  private static final ObjectMapper JSON = new ObjectMapper();

  private CtlLists() {}

  /** What all of them share: watching. */
  abstract static class Looking implements Callable<Integer> {
    @ParentCommand private CtlCommand ctl;

    @Spec private CommandLine.Model.CommandSpec spec;

    @Option(
        names = "--watch",
        arity = "0..1",
        fallbackValue = "2",
        paramLabel = "SECONDS",
        description = "Ask again and again; every 2 s unless said.")
    private Integer watchSeconds;

    CtlCommand ctl() {
      return ctl;
    }

    ParameterException usage(String message) {
      return new ParameterException(spec.commandLine(), message);
    }

    @Override
    public Integer call() throws InterruptedException {
      if (watchSeconds == null) {
        return once();
      }
      if (watchSeconds < 1 || watchSeconds > 86_400) {
        throw usage("--watch takes 1 to 86400 seconds");
      }
      boolean terminal = CtlChanges.isTerminal(System.console());
      CountDownLatch never = new CountDownLatch(1);
      while (true) {
        if (terminal && !ctl.isJson()) {
          ctl.out().print("\033[H\033[2J");
        }
        int status = once();
        if (status != CommandLine.ExitCode.OK) {
          return status;
        }
        ctl.out().flush();
        var _ = never.await(watchSeconds, TimeUnit.SECONDS);
      }
    }

    abstract int once();
  }

  /** One list. */
  abstract static class Listing extends Looking {

    @Parameters(
        arity = "0..2",
        paramLabel = "list|show ID",
        description = "list, which is the default, or show and what the list calls the one to see.")
    private List<String> words = List.of();

    @Option(
        names = STATE,
        paramLabel = "STATE",
        description = "Only those in this state, as the list calls it.")
    private String state;

    @Option(
        names = "--limit",
        paramLabel = "N",
        description = "At most so many; 0, the default, for all.")
    private long limit;

    private final String name;

    Listing(String name) {
      this.name = name;
    }

    /** Adds the filters that this list has. */
    void filters(Map<String, String> texts) {}

    @Override
    int once() {
      Map<String, String> texts = new HashMap<>();
      filters(texts);
      if (state != null) {
        texts.put("state", state);
      }
      boolean show = !words.isEmpty() && words.getFirst().equals("show");
      if (show != (words.size() == 2)
          || (!show && !words.equals(List.of("list")) && !words.isEmpty())) {
        throw usage("write list, or show and an id; not: " + String.join(" ", words));
      }
      if (limit < 0) {
        throw usage("--limit takes 0 or more");
      }
      if (show) {
        texts.put("id", words.get(1));
      }
      return ctl().ask(AdminRequest.of(name, texts, List.of(), limit), answered(show));
    }

    private CtlCommand.Answered answered(boolean show) {
      PrintWriter out = ctl().out();
      if (ctl().isJson()) {
        return show ? new Single(out) : new Array(out);
      }
      return show
          ? new Details(out)
          : new Rows(name, new Table(Lists.COLUMNS.get(name), out), ctl());
    }
  }

  /** The rows as one array, each on a line of its own. */
  private static final class Array implements CtlCommand.Answered {
    private final PrintWriter out;
    private boolean any;

    Array(PrintWriter out) {
      this.out = out;
    }

    @Override
    public void row(byte[] text, int offset, int length) {
      out.print(any ? ",\n" : "[\n");
      any = true;
      out.print(new String(text, offset, length, StandardCharsets.UTF_8));
    }

    @Override
    public int done(JsonNode end) {
      out.println(any ? "\n]" : "[]");
      out.flush();
      return CommandLine.ExitCode.OK;
    }
  }

  /** One row alone. */
  private static final class Single implements CtlCommand.Answered {
    private final PrintWriter out;

    Single(PrintWriter out) {
      this.out = out;
    }

    @Override
    public void row(byte[] text, int offset, int length) {
      out.println(new String(text, offset, length, StandardCharsets.UTF_8));
    }

    @Override
    public int done(JsonNode end) {
      out.flush();
      return CommandLine.ExitCode.OK;
    }
  }

  /** A row's fields one below the other. */
  private static final class Details implements CtlCommand.Answered {
    private final PrintWriter out;

    Details(PrintWriter out) {
      this.out = out;
    }

    @Override
    public void row(byte[] text, int offset, int length) throws IOException {
      print(JSON.readTree(text, offset, length), out);
    }

    @Override
    public int done(JsonNode end) {
      out.flush();
      return CommandLine.ExitCode.OK;
    }
  }

  private static final class Rows implements CtlCommand.Answered {
    private final String name;
    private final Table table;
    private final CtlCommand ctl;

    Rows(String name, Table table, CtlCommand ctl) {
      this.name = name;
      this.table = table;
      this.ctl = ctl;
    }

    @Override
    public void row(byte[] text, int offset, int length) throws IOException {
      table.add(JSON.readTree(text, offset, length));
    }

    @Override
    public int done(JsonNode end) {
      long rows = table.end();
      if (end.path("truncated").asBoolean()) {
        ctl.err().println("(the first " + rows + " " + name + "; there are more)");
        ctl.err().flush();
      }
      return CommandLine.ExitCode.OK;
    }
  }

  /** Fields one below the other, their names as in JSON. */
  static void print(JsonNode object, PrintWriter out) {
    int width = 0;
    List<Map.Entry<String, JsonNode>> fields = new ArrayList<>(object.properties());
    for (Map.Entry<String, JsonNode> field : fields) {
      width = Math.max(width, field.getKey().length());
    }
    for (Map.Entry<String, JsonNode> field : fields) {
      JsonNode value = field.getValue();
      String text = value.isNull() ? "-" : value.isValueNode() ? value.asText() : value.toString();
      out.println(field.getKey() + " ".repeat(width - field.getKey().length() + 2) + text);
    }
  }

  // ---------------------------------------------------------------- filters

  /** By client. */
  abstract static class OfClients extends Listing {
    @Option(names = "--client", paramLabel = "CLIENT", description = "Only those of this client.")
    private String client;

    OfClients(String name) {
      super(name);
    }

    @Override
    void filters(Map<String, String> texts) {
      if (client != null) {
        texts.put("client", client);
      }
    }
  }

  /** By client and file. */
  abstract static class OfFiles extends OfClients {
    @Option(names = "--export", paramLabel = "EXPORT", description = "Only those in this export.")
    private String export;

    @Option(
        names = "--file",
        paramLabel = "FILE",
        description = "Only those of a file: its path on the server, or as the list calls it.")
    private String file;

    @Option(
        names = "--device",
        paramLabel = "DEVICE",
        description = "Only those on this device; see the list of devices.")
    private String device;

    OfFiles(String name) {
      super(name);
    }

    @Override
    void filters(Map<String, String> texts) {
      super.filters(texts);
      if (export != null) {
        texts.put("export", export);
      }
      if (file != null) {
        texts.put("file", CtlChanges.fileArgument(file));
      }
      if (device != null) {
        texts.put("device", device);
      }
    }
  }

  // ---------------------------------------------------------------- the commands

  /** {@code status}. */
  @Command(
      name = "status",
      description = "The server as a whole: since when, in which state, how much of what.",
      mixinStandardHelpOptions = true)
  static final class Status extends Looking {
    @Override
    int once() {
      return ctl()
          .ask(
              AdminRequest.of("status"),
              new CtlCommand.Answered() {
                @Override
                public void row(byte[] text, int offset, int length) {}

                @Override
                public int done(JsonNode end) {
                  if (ctl().isJson()) {
                    ctl().out().println(end);
                  } else {
                    print(end, ctl().out());
                  }
                  ctl().out().flush();
                  return CommandLine.ExitCode.OK;
                }
              });
    }
  }

  /** {@code exports}. */
  @Command(
      name = "exports",
      description = "What is served, to whom, and how.",
      mixinStandardHelpOptions = true)
  static final class Exports extends Listing {
    Exports() {
      super("exports");
    }
  }

  /** {@code clients}. */
  @Command(
      name = "clients",
      description = {
        "The clients. A courteous one's lease is over, but nobody has minded so far what it keeps.",
        "CALLABLE says whether it can be asked for something back."
      },
      mixinStandardHelpOptions = true)
  static final class Clients extends OfClients {
    Clients() {
      super("clients");
    }
  }

  /** {@code sessions}. */
  @Command(
      name = "sessions",
      description = "The clients' sessions and connections; those with a * take callbacks.",
      mixinStandardHelpOptions = true)
  static final class Sessions extends OfClients {
    Sessions() {
      super("sessions");
    }
  }

  /** {@code layouts}. */
  @Command(
      name = "layouts",
      description = {
        "Who may reach which bytes of which file directly.",
        "States: granted; recalled: the client was asked for it; returning, fencing: its accesses"
            + " are being ended. RECALL shows the recall's number, its cause, and the time left."
      },
      mixinStandardHelpOptions = true)
  static final class Layouts extends OfFiles {
    Layouts() {
      super("layouts");
    }
  }

  /** {@code delegations}. */
  @Command(
      name = "delegations",
      description = "Who opens, reads or writes which file without asking.",
      mixinStandardHelpOptions = true)
  static final class Delegations extends OfFiles {
    Delegations() {
      super("delegations");
    }
  }

  /** {@code seals}. */
  @Command(
      name = "seals",
      description = {
        "The files whose block map stands still for somebody, by a kernel lease.",
        "States: sealing, sealed, recalling, fencing, unsealing. STORAGE says whether clients reach"
            + " the storage itself (DAX) and not the page cache."
      },
      mixinStandardHelpOptions = true)
  static final class Seals extends OfFiles {
    Seals() {
      super("seals");
    }
  }

  /** {@code opens}. */
  @Command(
      name = "opens",
      description = "Who has which file open, and what is denied to others meanwhile.",
      mixinStandardHelpOptions = true)
  static final class Opens extends OfFiles {
    Opens() {
      super("opens");
    }
  }

  /** {@code locks}. */
  @Command(
      name = "locks",
      description = "Byte-range locks of clients, and those who wait for one.",
      mixinStandardHelpOptions = true)
  static final class Locks extends OfFiles {
    Locks() {
      super("locks");
    }
  }

  /** {@code devices}. */
  @Command(
      name = "devices",
      description = "Where clients reach data: RDMA devices, and the storage that exports are on.",
      mixinStandardHelpOptions = true)
  static final class Devices extends Listing {
    Devices() {
      super("devices");
    }
  }

  /** {@code badblocks}. */
  @Command(
      name = "badblocks",
      description = {
        "Storage that cannot be read, as the kernel lists it now, of devices that layouts were"
            + " asked on. What was granted over it is recalled.",
        "Which files it is under, selkie badblocks says."
      },
      mixinStandardHelpOptions = true)
  static final class BadBlocks extends Listing {
    BadBlocks() {
      super("badblocks");
    }
  }
}
