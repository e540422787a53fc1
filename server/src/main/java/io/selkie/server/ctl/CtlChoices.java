package io.selkie.server.ctl;

import io.selkie.server.Main;
import io.selkie.server.admin.AdminService;
import io.selkie.server.admin.ListKind;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * The values that arguments of {@code selkie ctl} can have, for its help and for completion. Those
 * that are fixed are written into the script; what only a running server knows (clients, exports,
 * devices) is asked of it when somebody completes such a value, and at no other time.
 */
final class CtlChoices {

  /** Lists that are asked, and the field that names one of them. */
  static final Map<String, String> KNOWN =
      Map.of("clients", "client", "exports", "name", "devices", "id");

  private static final String ASK = "@";
  private static final Map<String, String> OF_OPTIONS =
      Map.of("--client", ASK + "clients", "--export", ASK + "exports", "--device", ASK + "devices");
  private static final Map<String, List<String>> OF_WORDS =
      Map.of(
          "grace", AdminService.GRACE_ACTIONS,
          "log", Stream.concat(Stream.of("level"), AdminService.LOG_LEVELS.stream()).toList(),
          "expire", List.of(ASK + "clients"));

  private static final Pattern DECLARED =
      Pattern.compile(
          " *local (\\w+)=\\(\"@(%s)\"\\).*\\R"
              .formatted(KNOWN.keySet().stream().sorted().collect(Collectors.joining("|"))));

  private static final String ASKING =
      """

      # What the server that is meant knows: clients, exports or devices.
      _selkie_known() {
        local i word value where=()
        for ((i = 1; i < COMP_CWORD - 1; i++)); do
          word=${COMP_WORDS[i]}
          case $word in
            --socket|--state-dir|--config)
              if [[ ${COMP_WORDS[i + 1]} == '=' ]]; then
                i=$((i + 1))
              fi
              value=${COMP_WORDS[i + 1]}
              where+=("$word" "${value/#\\~\\//$HOME/}")
              ;;
          esac
        done
        timeout "${SELKIE_COMPLETE_SECONDS:-5}" \
          "${COMP_WORDS[0]}" ctl completion --known "$1" "${where[@]}" 2> /dev/null
      }

      # Those of them that fit, each one as it is: a name may have blanks and what a shell expands.
      _selkie_reply() {
        _selkie_known "$1" | {
          local line known
          known=()
          while IFS= read -r line; do
            known+=("$line")
          done
          compReplyArray "${known[@]}"
        }
      }

      """;

  private CtlChoices() {}

  /** The command, with all that its arguments can be. */
  static CommandSpec of(CtlCommand command) {
    CommandSpec spec = CommandSpec.forAnnotatedObject(command);
    for (CommandLine each : spec.subcommands().values()) {
      CommandSpec one = each.getCommandSpec();
      ListKind.of(one.name()).ifPresent(kind -> states(one, kind));
      for (OptionSpec option : new ArrayList<>(one.options())) {
        String known = OF_OPTIONS.get(option.longestName());
        if (known != null) {
          replace(one, option, OptionSpec.builder(option).completionCandidates(List.of(known)));
        }
      }
      List<String> words = OF_WORDS.get(one.name());
      if (words != null) {
        words(one, words);
      } else if (one.userObject() instanceof CtlLists.Listing) {
        words(one, CtlLists.WORDS);
      }
    }
    return spec;
  }

  /** A list whose rows have no state has no option for it. */
  private static void states(CommandSpec of, ListKind kind) {
    OptionSpec option = of.findOption(CtlLists.STATE);
    if (option == null) {
      return;
    }
    if (kind.states().isEmpty()) {
      of.remove(option);
      return;
    }
    replace(
        of,
        option,
        OptionSpec.builder(option)
            .completionCandidates(kind.states())
            .description("Only those that are: " + String.join(", ", kind.states()) + "."));
  }

  private static void replace(CommandSpec of, OptionSpec old, OptionSpec.Builder with) {
    of.remove(old);
    of.addOption(with.build());
  }

  private static void words(CommandSpec of, List<String> words) {
    PositionalParamSpec old = of.positionalParameters().getFirst();
    of.remove(old);
    of.addPositional(PositionalParamSpec.builder(old).completionCandidates(words).build());
  }

  /**
   * The script. Picocli writes one with fixed values only; where ours are to be asked for, it has
   * their list's name instead, and the question is put there.
   */
  static String script() {
    String script = AutoComplete.bash("selkie", Main.commandLine());
    Matcher declared = DECLARED.matcher(script);
    Map<String, String> lists =
        declared
            .results()
            .collect(
                Collectors.toMap(
                    found -> found.group(1), found -> found.group(2), (first, _) -> first));
    String asking = DECLARED.matcher(script).replaceAll("");
    for (Map.Entry<String, String> list : lists.entrySet()) {
      asking =
          asking.replace(
              "compReplyArray \"${%s[@]}\"".formatted(list.getKey()),
              "_selkie_reply %s".formatted(list.getValue()));
    }
    int first = asking.indexOf("\n\n") + 1;
    return asking.substring(0, first) + ASKING + asking.substring(first);
  }
}
