package io.selkie.server;

import io.selkie.config.cli.CommandFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.Parameters;

/**
 * {@code selkie man-pages DIR}: writes a manual page for each command, in roff, from what the
 * commands say of themselves. The package is built with it. Picocli's own generator writes
 * AsciiDoc, for which a program in Ruby would be needed at each build.
 */
@Command(
    name = "man-pages",
    description = "Write the manual pages of all commands.",
    hidden = true,
    mixinStandardHelpOptions = true)
public final class ManPages implements Callable<Integer> {

  @Parameters(paramLabel = "DIR", description = "Where to; it is made if it is not there.")
  private Path directory;

  private ManPages() {}

  /** Makes the command. */
  public static final class Factory implements CommandFactory {
    /** For the service loader. */
    public Factory() {}

    @Override
    public Object create() {
      return new ManPages();
    }

    @Override
    public String name() {
      return "man-pages";
    }
  }

  @Override
  public Integer call() throws IOException {
    Files.createDirectories(directory);
    Deque<CommandLine> left = new ArrayDeque<>(List.of(Main.commandLine()));
    while (!left.isEmpty()) {
      CommandLine command = left.pop();
      if (!command.getCommandSpec().usageMessage().hidden()) {
        Files.writeString(directory.resolve(name(command) + ".1"), page(command));
        left.addAll(command.getSubcommands().values());
      }
    }
    return CommandLine.ExitCode.OK;
  }

  /** selkie-ctl-layouts. */
  private static String name(CommandLine command) {
    return command.getCommandSpec().qualifiedName("-");
  }

  /** The page of a command. */
  static String page(CommandLine command) {
    CommandSpec spec = command.getCommandSpec();
    Help help = new Help(spec, Help.defaultColorScheme(Help.Ansi.OFF));
    StringBuilder page = new StringBuilder();
    page.append(".TH ").append(quoted(name(command).toUpperCase(Locale.ROOT))).append(" 1 \"\" ");
    page.append(quoted("Selkie " + Main.Version.text())).append(" \"User Commands\"\n.nh\n.ad l\n");
    String[] description = spec.usageMessage().description();
    page.append(".SH NAME\n").append(text(name(command))).append(" \\- ");
    page.append(text(description.length > 0 ? description[0] : "")).append('\n');
    page.append(".SH SYNOPSIS\n.nf\n").append(text(help.synopsis(0).stripTrailing()));
    page.append("\n.fi\n");
    if (description.length > 1) {
      page.append(".SH DESCRIPTION\n");
      for (String paragraph : description) {
        page.append(text(paragraph.formatted())).append("\n.PP\n");
      }
    }
    arguments(spec, page);
    subcommands(command, page);
    Map<String, String> statuses = spec.usageMessage().exitCodeList();
    if (!statuses.isEmpty()) {
      page.append(".SH EXIT STATUS\n");
      statuses.forEach((status, meaning) -> item(page, status, meaning));
    }
    String[] footer = spec.usageMessage().footer();
    if (footer.length > 0) {
      page.append(".SH EXAMPLES\n.nf\n");
      for (String line : footer) {
        if (!line.isBlank() && !line.startsWith("Examples")) {
          page.append(text(line.strip())).append('\n');
        }
      }
      page.append(".fi\n");
    }
    if (spec.parent() != null) {
      page.append(".SH SEE ALSO\n.BR ");
      page.append(text(spec.parent().qualifiedName("-"))).append(" (1)\n");
    }
    return page.toString();
  }

  private static void arguments(CommandSpec spec, StringBuilder page) {
    if (spec.options().stream().anyMatch(option -> !option.hidden())
        || !spec.positionalParameters().isEmpty()) {
      page.append(".SH OPTIONS\n");
    }
    for (PositionalParamSpec positional : spec.positionalParameters()) {
      if (!positional.hidden()) {
        item(page, positional.paramLabel(), words(positional));
      }
    }
    for (OptionSpec option : spec.options()) {
      if (!option.hidden()) {
        String label = option.arity().max() > 0 ? "=" + option.paramLabel() : "";
        String shown = option.arity().min() == 0 && !label.isEmpty() ? "[" + label + "]" : label;
        item(page, String.join(", ", option.names()) + shown, words(option));
      }
    }
  }

  private static String words(ArgSpec argument) {
    return String.join(" ", argument.description()).formatted();
  }

  private static void subcommands(CommandLine command, StringBuilder page) {
    List<CommandLine> shown =
        command.getSubcommands().values().stream()
            .filter(each -> !each.getCommandSpec().usageMessage().hidden())
            .toList();
    if (shown.isEmpty()) {
      return;
    }
    page.append(".SH COMMANDS\n");
    for (CommandLine each : shown) {
      String[] description = each.getCommandSpec().usageMessage().description();
      page.append(".TP\n.BR ").append(text(name(each))).append(" (1)\n");
      page.append(text(description.length > 0 ? description[0] : "")).append('\n');
    }
  }

  private static void item(StringBuilder page, String term, String words) {
    page.append(".TP\n.B ").append(text(term)).append('\n').append(text(words)).append('\n');
  }

  /** Nothing in it is taken for a request of roff's. */
  private static String text(String plain) {
    StringBuilder escaped = new StringBuilder();
    for (String line : plain.split("\n", -1)) {
      String safe = line.replace("\\", "\\e").replace("-", "\\-");
      escaped.append(escaped.isEmpty() ? "" : "\n");
      escaped.append(safe.startsWith(".") || safe.startsWith("'") ? "\\&" + safe : safe);
    }
    return escaped.toString();
  }

  private static String quoted(String plain) {
    return '"' + text(plain).replace("\"", "") + '"';
  }
}
