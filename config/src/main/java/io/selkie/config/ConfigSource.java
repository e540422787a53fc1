package io.selkie.config;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Where a configuration came from, so that it can be had from there again.
 *
 * @param file nothing when there was none
 * @param commandLine what stands instead of what the file says
 */
public record ConfigSource(Optional<Path> file, CommandLineSettings commandLine) {

  /** Of a server that was not configured by a file. */
  public static final ConfigSource NONE =
      new ConfigSource(Optional.empty(), CommandLineSettings.NONE);

  /** Loads, or throws everything that is wrong at once. */
  public SelkieConfig load() throws ConfigException {
    return ConfigLoader.load(file, commandLine);
  }
}
