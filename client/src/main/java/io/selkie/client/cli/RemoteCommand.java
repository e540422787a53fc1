package io.selkie.client.cli;

import io.selkie.client.DirectUnavailableException;
import io.selkie.client.NfsUrl;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * What the commands have in common: connections, one line for each error, exit codes.
 *
 * <p>Exit codes: 0 all done, 1 something failed, 2 wrong usage, 3 direct access was required and is
 * not possible.
 */
abstract class RemoteCommand implements Callable<Integer> {
  private static final int FAILED = 1;
  private static final int NOT_DIRECT = 3;

  @Spec private CommandSpec spec;

  @Mixin private ConnectionOptions connection = new ConnectionOptions();

  @Option(
      names = {"-v", "--verbose"},
      description = "Say afterwards which way the bytes went; show the causes of errors.")
  private boolean verbose;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help and exit.")
  @SuppressWarnings("UnusedVariable") // picocli acts on it
  private boolean help;

  private Streams streams = Streams.ofProcess();
  private int exitCode;

  void useStreams(Streams other) {
    this.streams = other;
  }

  final Streams streams() {
    return streams;
  }

  final PrintWriter out() {
    return spec.commandLine().getOut();
  }

  final PrintWriter err() {
    return spec.commandLine().getErr();
  }

  /** Does the work; failures of single items go to {@link #failed}. */
  abstract void run(Servers servers) throws IOException;

  @Override
  public final Integer call() {
    try (Servers servers = new Servers(connection.toClientOptions())) {
      run(servers);
      String note = servers.fallbackNote();
      if (note != null) {
        say("note: " + note);
      }
      if (verbose) {
        say(servers.summary());
      }
    } catch (IOException | IllegalArgumentException | ArithmeticException e) {
      failed(null, e);
    }
    out().flush();
    err().flush();
    return exitCode;
  }

  /** Reports a failure of one item in one line; the command goes on and ends with an error. */
  final void failed(String item, Exception cause) {
    exitCode =
        cause instanceof DirectUnavailableException ? NOT_DIRECT : Math.max(exitCode, FAILED);
    String message = words(cause);
    say(item == null || message.startsWith(item) ? message : item + ": " + message);
    if (verbose) {
      cause.printStackTrace(err());
    }
  }

  final void failed(String item, String message) {
    exitCode = Math.max(exitCode, FAILED);
    say(item + ": " + message);
  }

  final boolean hasFailed() {
    return exitCode != 0;
  }

  final void say(String line) {
    err().println("selkie " + spec.name() + ": " + Text.printable(line));
    err().flush();
  }

  private static String words(Exception cause) {
    if (cause instanceof NoSuchFileException missing) {
      return missing.getFile() + ": no such file or directory";
    }
    if (cause instanceof java.nio.file.FileSystemException file && file.getReason() == null) {
      return file.getFile() + ": " + file.getClass().getSimpleName().replace("Exception", "");
    }
    String message = cause.getMessage();
    return message == null ? cause.getClass().getSimpleName() : message;
  }

  final NfsUrl url(String argument) {
    try {
      return NfsUrl.parse(argument);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  final ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
