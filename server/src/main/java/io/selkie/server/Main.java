package io.selkie.server;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.config.cli.CommandFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ServiceLoader;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * The program {@code selkie}. It has no work of its own: every subcommand comes from a {@link
 * CommandFactory} on the class path, whichever module that is in.
 */
@Command(
    name = "selkie",
    description = "A userspace pNFS server whose clients reach file data by one-sided RDMA.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class)
public final class Main implements Runnable {

  @Spec private CommandSpec spec;

  private Main() {}

  /** Runs the program and exits with picocli's exit code: 0 done, 1 failed, 2 wrong usage. */
  public static void main(String[] args) {
    System.exit(commandLine(args).execute(args));
  }

  /**
   * Returns what these arguments need: the one subcommand that they begin with, or all. Making all
   * took a third of the time until a server was ready.
   */
  static CommandLine commandLine(String[] args) {
    if (args.length > 0) {
      for (CommandFactory factory : ServiceLoader.load(CommandFactory.class)) {
        if (factory.name().equals(args[0])) {
          CommandLine commandLine = bare();
          commandLine.addSubcommand(factory.create());
          return commandLine;
        }
      }
    }
    return commandLine();
  }

  /** Returns the whole command line, with the subcommands of every module on the class path. */
  public static CommandLine commandLine() {
    CommandLine commandLine = bare();
    for (CommandFactory factory : ServiceLoader.load(CommandFactory.class)) {
      commandLine.addSubcommand(factory.create());
    }
    return commandLine;
  }

  /** An argument that begins with @ is a name like any other, and may be another program's. */
  private static CommandLine bare() {
    return new CommandLine(new Main()).setExpandAtFiles(false);
  }

  /** Without a subcommand there is nothing to do, which is wrong usage. */
  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing subcommand; see --help");
  }

  /** Reads the version that the build wrote next to this class. */
  static final class Version implements IVersionProvider {

    /** The version alone. */
    static String text() {
      try {
        return new Version().getVersion()[0].replace("selkie ", "");
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public String[] getVersion() throws IOException {
      try (var in = Main.class.getResourceAsStream("version.txt")) {
        if (in == null) {
          throw new IOException("version.txt is missing next to " + Main.class.getName());
        }
        return new String[] {new String(in.readAllBytes(), UTF_8).strip()};
      }
    }
  }
}
