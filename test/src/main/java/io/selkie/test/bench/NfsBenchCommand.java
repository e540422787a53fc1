package io.selkie.test.bench;

import io.selkie.config.cli.CommandFactory;
import io.selkie.config.time.NanoClock;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.test.support.MachineFacts;
import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.support.Workspace;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code selkie bench-nfs}: NFSv4.1 servers under the same load, in turn. */
@Command(
    name = "bench-nfs",
    description =
        "Measure what NFSv4.1 servers do under load, and compare them: small operations and 1 MiB"
            + " reads and writes, so many requests under way on so many connections. Starts a"
            + " Selkie of its own in a child process unless --url names a server.",
    mixinStandardHelpOptions = true)
public final class NfsBenchCommand implements Callable<Integer> {

  private static final int NFS_PORT = 2049;

  /** Events may cost a fiftieth. */
  private static final double EVENTS_RATIO = 0.98;

  @Spec private CommandSpec spec;

  @Option(
      names = "--url",
      paramLabel = "NAME=nfs://HOST[:PORT]/DIR",
      description =
          "A server that runs already and a directory of it to write in; may be given several"
              + " times. The first server is compared with each of the others.")
  private List<String> urls = List.of();

  @Option(
      names = "--against-ganesha",
      description = "Start nfs-ganesha (Debian: nfs-ganesha, nfs-ganesha-vfs) on the same export.")
  private boolean ganesha;

  @Option(
      names = "--events",
      description =
          "Compare one server with itself: with its ring of events and the timing of operations,"
              + " and with both switched off.")
  private boolean events;

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description = "Where the servers' common export goes; must not be a tmpfs.")
  private Optional<Path> directory = Optional.empty();

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description = "Interleaved rounds; the median counts. Default: ${DEFAULT-VALUE}.")
  private int rounds = 5;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      description = "How long each workload runs in a round. Default: ${DEFAULT-VALUE}.")
  private double seconds = 3;

  @Option(
      names = "--warm-up",
      paramLabel = "S",
      description = "How long each workload runs before. Default: ${DEFAULT-VALUE}.")
  private double warmUp = 5;

  @Option(
      names = "--connections",
      paramLabel = "N",
      description = "Connections to each server. Default: ${DEFAULT-VALUE}.")
  private int connections = 2;

  @Option(
      names = "--slots",
      paramLabel = "N",
      description = "Requests under way on each connection. Default: ${DEFAULT-VALUE}.")
  private int slots = 8;

  @Option(
      names = "--file-mib",
      paramLabel = "N",
      description = "Size of each connection's file. Default: ${DEFAULT-VALUE}.")
  private int fileMib = 64;

  @Option(
      names = "--workloads",
      paramLabel = "NAME",
      split = ",",
      description = "Some of getattr, read_4k, write_4k, read_1m, write_1m. Default: all.")
  private List<String> workloads = List.of();

  @Option(
      names = "--uid",
      paramLabel = "N",
      description = "Whom the requests come from; group likewise. Default: ${DEFAULT-VALUE}.")
  private int uid;

  @Option(
      names = "--server-flag",
      paramLabel = "FLAG",
      description = "A flag for the Java machine of the Selkie that is started.")
  private List<String> serverFlags = List.of();

  @Mixin private ReportOptions shown;

  private NfsBenchCommand() {}

  /** Makes the command. */
  public static final class Factory implements CommandFactory {
    /** For the service loader. */
    public Factory() {}

    @Override
    public Object create() {
      return new NfsBenchCommand();
    }

    @Override
    public String name() {
      return "bench-nfs";
    }
  }

  /** What is measured, and what has to be ended afterwards, the last one first. */
  private final class Setup implements AutoCloseable {
    final List<AutoCloseable> opened = new ArrayList<>();
    final List<NfsContestant> contestants = new ArrayList<>();

    <T extends AutoCloseable> T add(T part) {
      opened.addFirst(part);
      return part;
    }

    NfsContestant contestant(
        String name, InetSocketAddress address, OptionalLong pid, List<String> names)
        throws IOException, InterruptedException {
      NfsContestant contestant =
          add(
              NfsContestant.connect(
                  name,
                  address,
                  pid,
                  names,
                  new AuthSys().set(uid, uid),
                  new NfsContestant.Shape(connections, slots, (long) fileMib << 20),
                  NanoClock.system()));
      contestants.add(contestant);
      return contestant;
    }

    @Override
    public void close() throws IOException {
      IOException failure = null;
      for (AutoCloseable part : opened) {
        try {
          part.close();
        } catch (Exception e) {
          failure = failure == null ? new IOException(e.getMessage(), e) : failure;
        }
      }
      if (failure != null) {
        throw failure;
      }
    }
  }

  @Override
  public Integer call() throws Exception {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    Consumer<String> progress =
        line -> {
          err.println("bench-nfs: " + line);
          err.flush();
        };
    BenchReport report = new BenchReport();
    report.fact(
        "command",
        "selkie " + String.join(" ", spec.commandLine().getParseResult().originalArgs()));
    report.fact("date", LocalDate.now(ZoneOffset.UTC).toString());
    try (Setup setup = new Setup()) {
      measure(setup, report, progress);
    } catch (IOException e) {
      err.println("selkie bench-nfs: " + e.getMessage());
      return ExitCode.SOFTWARE;
    }
    shown.show(report, out);
    return ExitCode.OK;
  }

  private void measure(Setup setup, BenchReport report, Consumer<String> progress)
      throws Exception {
    for (String url : urls) {
      int equals = url.indexOf('=');
      URI uri = URI.create(url.substring(equals + 1));
      if (equals < 1 || !"nfs".equals(uri.getScheme()) || uri.getHost() == null) {
        throw new IOException(url + " is not like NAME=nfs://HOST[:PORT]/DIR");
      }
      int port = uri.getPort() < 0 ? NFS_PORT : uri.getPort();
      List<String> names =
          Stream.of(uri.getPath().split("/", -1)).filter(name -> !name.isEmpty()).toList();
      setup.contestant(
          url.substring(0, equals),
          new InetSocketAddress(uri.getHost(), port),
          OptionalLong.empty(),
          names);
    }
    Path gcLog = null;
    ServerProcess own = null;
    if (urls.isEmpty() || ganesha) {
      ScratchDirectory scratch =
          setup.add(ScratchDirectory.in(Workspace.choose(directory), "selkie-bench-nfs-"));
      Path export = Files.createDirectory(scratch.resolve("bench"));
      Files.setPosixFilePermissions(export, PosixFilePermissions.fromString("rwxrwxrwx"));
      MachineFacts.collect(export).forEach(report::fact);
      if (urls.isEmpty()) {
        gcLog = scratch.resolve("gc.log");
        List<String> flags = new ArrayList<>(serverFlags);
        flags.add(GcLog.flag(gcLog));
        report.fact("server_flags", String.join(" ", serverFlags));
        own = setup.add(ServerProcess.of(export).jvmFlags(flags.toArray(String[]::new)).start());
        progress.accept("selkie is process " + own.pid());
        List<String> root = List.of(own.exportName());
        OptionalLong pid = OptionalLong.of(own.pid());
        if (events) {
          Diagnostics diagnostics = setup.add(new Diagnostics(own.diagnostics()));
          setup.contestant("events", own.nfs(), pid, root).prepared(() -> diagnostics.events(true));
          setup
              .contestant("silent", own.nfs(), pid, root)
              .prepared(() -> diagnostics.events(false));
        } else {
          setup.contestant("selkie", own.nfs(), pid, root);
        }
      }
      if (ganesha) {
        Path program =
            GaneshaProcess.find()
                .orElseThrow(() ->
                    new IOException(
                        "there is no ganesha.nfsd: apt-get install nfs-ganesha nfs-ganesha-vfs"));
        GaneshaProcess other = setup.add(GaneshaProcess.start(program, export, scratch.path()));
        progress.accept("ganesha is process " + other.pid());
        report.fact("ganesha", GaneshaProcess.version(program));
        setup.contestant(
            GaneshaProcess.NAME, other.address(), OptionalLong.of(other.pid()), List.of("bench"));
      }
    }
    report.fact("shape", connections + " connections × " + slots + " slots");
    List<NfsWorkload> chosen =
        Stream.of(NfsWorkload.values())
            .filter(workload -> workloads.isEmpty() || workloads.contains(workload.key()))
            .toList();
    NfsBench.Wishes wishes =
        new NfsBench.Wishes(
            rounds,
            seconds,
            warmUp,
            chosen,
            events ? OptionalDouble.of(EVENTS_RATIO) : OptionalDouble.empty());
    new NfsBench(setup.contestants, wishes, progress).run(report);
    if (own != null) {
      GcLog.Pauses pauses = GcLog.read(gcLog);
      report.figure(
          "selkie_gc_pause_max_ms",
          "longest of " + pauses.count() + " collector's pauses of selkie, ms",
          pauses.maxMillis(),
          BenchReport.Bound.AT_MOST,
          20);
      report.figure("selkie_resident_mib", "selkie, resident, MiB", own.residentKib() / 1024.0);
    }
  }
}
