package io.selkie.server;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigException;
import io.selkie.config.ConfigLoader;
import io.selkie.config.LayoutConfig;
import io.selkie.config.SelkieConfig;
import io.selkie.config.cli.CommandFactory;
import io.selkie.lease.doctor.Diagnosis;
import io.selkie.lease.doctor.Finding;
import io.selkie.lease.doctor.MachineDoctor;
import io.selkie.lease.doctor.PathDoctor;
import io.selkie.posix.CacheLines;
import io.selkie.posix.FsIdentity;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.LinuxThreadCredentials;
import io.selkie.posix.SystemFacts;
import io.selkie.server.direct.RegistrationMatrix.Cell;
import io.selkie.server.keeper.KeeperTrial;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code selkie doctor}: what this machine and a path can do, and why not. */
@Command(
    name = "doctor",
    description = "Say what this machine and a path can do for direct access, and why not.",
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "Exit status:%n",
    exitCodeList = {
      "0:a server could serve the path",
      "1:it could not, see the findings",
      "2:wrong usage"
    })
public final class DoctorCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(
      arity = "0..1",
      paramLabel = "PATH",
      defaultValue = ".",
      description = "A directory or file; the working directory unless given.")
  private Path path;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "The server's configuration: its times decide whether it would start.")
  private Optional<Path> config = Optional.empty();

  @Option(names = "--json", description = "The same for a program.")
  private boolean json;

  private DoctorCommand() {}

  /** Makes the command. */
  public static final class Factory implements CommandFactory {
    /** For the service loader. */
    public Factory() {}

    @Override
    public Object create() {
      return new DoctorCommand();
    }

    @Override
    public String name() {
      return "doctor";
    }
  }

  @Override
  public Integer call() {
    SelkieConfig loaded;
    try {
      loaded = ConfigLoader.load(config, CommandLineSettings.NONE);
    } catch (ConfigException e) {
      e.problems().forEach(problem -> spec.commandLine().getErr().println("selkie: " + problem));
      return CommandLine.ExitCode.USAGE;
    }
    LayoutConfig times = loaded.layout();
    Kernel kernel = new LinuxKernel();
    MachineDoctor machine =
        new MachineDoctor(
            SystemFacts.of(kernel),
            CacheLines.detect(),
            Duration.ofMillis(times.recallTimeoutMillis()),
            Duration.ofMillis(times.fenceBudgetMillis()));
    Diagnosis diagnosis = new PathDoctor(kernel, machine, new SecureRandom()).examine(path);
    VerbsDoctor.Finding verbs =
        new VerbsDoctor(kernel, VerbsOpener::open).examine(loaded.rdma(), path);
    // Who has no block layouts needs no keeper.
    Optional<Optional<String>> keeper =
        BlockParts.hasUnfenced(loaded) ? Optional.of(KeeperTrial.run(kernel)) : Optional.empty();
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      Map<String, Object> values = values(diagnosis, verbs);
      keeper.ifPresent(whyNot -> {
        values.put("leasesOutliveAKill", whyNot.isEmpty());
        values.put("leasesOutliveAKillReason", whyNot.orElse(""));
      });
      out.println(new ObjectMapper().valueToTree(values).toPrettyString());
    } else {
      keeper.ifPresent(whyNot -> keeper(whyNot, out));
      print(diagnosis, verbs, out);
    }
    out.flush();
    return diagnosis.offer() == Diagnosis.Offer.NOTHING
        ? CommandLine.ExitCode.SOFTWARE
        : CommandLine.ExitCode.OK;
  }

  private static void keeper(Optional<String> whyNot, PrintWriter out) {
    line(
        out,
        word(whyNot.isEmpty() ? Finding.State.YES : Finding.State.NO),
        "leases outlive a kill",
        whyNot.orElse("a process of the server's own keeps them; under systemd its unit does"),
        whyNot.isEmpty() ? "" : "S5 does not hold for block layouts (blockLayouts: unfenced)");
  }

  private static void print(Diagnosis diagnosis, VerbsDoctor.Finding verbs, PrintWriter out) {
    out.println(diagnosis.path());
    for (Finding finding : diagnosis.findings()) {
      line(
          out,
          word(finding.state()),
          finding.subject().label(),
          finding.reason(),
          finding.advice());
    }
    Optional<String> alone = identity();
    line(
        out,
        word(alone.isEmpty() ? Finding.State.YES : Finding.State.NO),
        "requests as their users",
        alone
            .map(why -> "everybody is the server's own user, because " + why)
            .orElse("each request works on the file system as its own user"),
        alone.isEmpty() ? "" : "run the server as root");
    line(out, word(Finding.State.YES), "provider iwarp", "software, over TCP", "");
    line(
        out,
        word(verbs.available() ? Finding.State.YES : Finding.State.NO),
        "provider verbs",
        verbs.reason(),
        "");
    if (verbs.row().isPresent()) {
      reach(out, "verbs, read here", verbs.row().get().read());
      reach(out, "verbs, write here", verbs.row().get().write());
    } else if (verbs.available()) {
      line(out, word(Finding.State.UNKNOWN), "verbs here", verbs.rowReason(), "");
    }
    out.println();
    out.println("A server offers here: " + diagnosis.offer().label());
    diagnosis.reasons().forEach(reason -> out.println("  not more, because " + reason));
  }

  private static void reach(PrintWriter out, String subject, Cell cell) {
    boolean possible = cell.how().isPresent();
    line(
        out,
        word(possible ? Finding.State.YES : Finding.State.NO),
        subject,
        possible ? "registered " + cell.words() : cell.words(),
        possible ? "" : "rdma.provider: auto does this by iwarp");
  }

  /** Why requests cannot work as their own users; empty when they can. */
  private static Optional<String> identity() {
    Kernel kernel = new LinuxKernel();
    try {
      FsIdentity.of(new LinuxThreadCredentials(), kernel.effectiveUid(), kernel.effectiveGid());
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of(e.getMessage());
    }
  }

  private static void line(
      PrintWriter out, String state, String subject, String reason, String advice) {
    out.println("  %-7s  %-27s  %s".formatted(state, subject, reason));
    if (!advice.isEmpty()) {
      out.println("  %-7s  %-27s  -> %s".formatted("", "", advice));
    }
  }

  private static Map<String, Object> values(Diagnosis diagnosis, VerbsDoctor.Finding verbs) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("path", diagnosis.path());
    values.put("offer", diagnosis.offer().name().toLowerCase(Locale.ROOT));
    values.put("offerText", diagnosis.offer().label());
    values.put("reasons", diagnosis.reasons());
    values.put("findings", diagnosis.findings().stream().map(DoctorCommand::values).toList());
    Optional<String> alone = identity();
    values.put("requestsAsTheirUsers", alone.isEmpty());
    values.put("requestsAsTheirUsersReason", alone.orElse(""));
    values.put(
        "providers",
        List.of(
            Map.of("name", "iwarp", "available", true, "reason", "software, over TCP"),
            Map.of("name", "verbs", "available", verbs.available(), "reason", verbs.reason())));
    values.put(
        "verbsReach",
        verbs
            .row()
            .<Map<String, Object>>map(row ->
                Map.of(
                    "storage", row.storage().label(),
                    "read", row.read().how().isPresent(),
                    "readReason", row.read().words(),
                    "write", row.write().how().isPresent(),
                    "writeReason", row.write().words()))
            .orElseGet(() -> Map.of("reason", verbs.rowReason())));
    return values;
  }

  private static Map<String, Object> values(Finding finding) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("subject", finding.subject().name().toLowerCase(Locale.ROOT));
    values.put("label", finding.subject().label());
    values.put("state", word(finding.state()));
    values.put("reason", finding.reason());
    values.put("advice", finding.advice());
    return values;
  }

  private static String word(Finding.State state) {
    return state.name().toLowerCase(Locale.ROOT);
  }
}
