package io.selkie.server;

import io.selkie.config.CommandLineSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** What tests say beside a configuration file, so that servers do not get in each other's way. */
public final class OnLoopback {

  private OnLoopback() {}

  /** Ports of the loopback that are free, and a directory of its own for the state. */
  public static CommandLineSettings withStateIn(Path directory) {
    return new CommandLineSettings(
        List.of(),
        Optional.of("127.0.0.1:0"),
        Optional.of("127.0.0.1:0"),
        Optional.empty(),
        Optional.of(directory),
        Optional.empty());
  }
}
