package io.selkie.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What was said on the command line; it stands instead of what the file says.
 *
 * @param exports {@code DIR} or {@code DIR=NAME}; when there is any, the file's exports do not
 *     count
 * @param listen {@code HOST:PORT}
 * @param rdmaListen {@code HOST:PORT}
 * @param rdmaProvider as {@code rdma.provider}
 * @param diagnosticsListen {@code HOST:PORT}
 * @param stateDirectory as {@code stateDirectory}
 * @param logLevel as {@code log.level}
 */
public record CommandLineSettings(
    List<String> exports,
    Optional<String> listen,
    Optional<String> rdmaListen,
    Optional<String> rdmaProvider,
    Optional<String> diagnosticsListen,
    Optional<Path> stateDirectory,
    Optional<String> logLevel) {

  /** Nothing was said. */
  public static final CommandLineSettings NONE =
      new CommandLineSettings(
          List.of(),
          Optional.empty(),
          Optional.empty(),
          Optional.empty(),
          Optional.empty(),
          Optional.empty(),
          Optional.empty());

  /** Nothing was said of the provider. */
  public CommandLineSettings(
      List<String> exports,
      Optional<String> listen,
      Optional<String> rdmaListen,
      Optional<String> diagnosticsListen,
      Optional<Path> stateDirectory,
      Optional<String> logLevel) {
    this(
        exports, listen, rdmaListen, Optional.empty(), diagnosticsListen, stateDirectory, logLevel);
  }

  /** Copies the list. */
  public CommandLineSettings {
    exports = List.copyOf(exports);
  }
}
