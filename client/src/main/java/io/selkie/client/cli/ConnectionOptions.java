package io.selkie.client.cli;

import io.selkie.client.ClientOptions;
import io.selkie.client.DirectMode;
import io.selkie.client.ProviderChoice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** Options that every command has. */
final class ConnectionOptions {
  @Option(
      names = "--direct",
      paramLabel = "MODE",
      defaultValue = "prefer",
      converter = ModeConverter.class,
      description =
          "One-sided access: require (fail where it is impossible), prefer (fall back to NFS READ"
              + " and WRITE, and say so), never. Default: ${DEFAULT-VALUE}.")
  DirectMode direct = DirectMode.PREFER;

  @Option(
      names = "--rdma-provider",
      paramLabel = "PROVIDER",
      defaultValue = "auto",
      converter = ProviderConverter.class,
      description =
          "Who does it: iwarp (software), verbs (an RDMA device of this machine), auto (what the"
              + " server's device asks for). Default: ${DEFAULT-VALUE}.")
  ProviderChoice provider = ProviderChoice.AUTO;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description = "Bound on one operation with its retries. Default: ${DEFAULT-VALUE}.")
  int timeoutSeconds = 30;

  @Option(
      names = "--busy-poll",
      description = "Spin instead of sleeping while waiting for a one-sided access.")
  boolean busyPoll;

  /** Takes the modes in lower case. */
  static final class ModeConverter implements ITypeConverter<DirectMode> {
    @Override
    public DirectMode convert(String value) {
      try {
        return DirectMode.valueOf(value.toUpperCase(Locale.ROOT));
      } catch (IllegalArgumentException _) {
        throw new TypeConversionException("'" + value + "' is not require, prefer or never");
      }
    }
  }

  /** Takes the providers in lower case. */
  static final class ProviderConverter implements ITypeConverter<ProviderChoice> {
    @Override
    public ProviderChoice convert(String value) {
      try {
        return ProviderChoice.valueOf(value.toUpperCase(Locale.ROOT));
      } catch (IllegalArgumentException _) {
        throw new TypeConversionException("'" + value + "' is not iwarp, verbs or auto");
      }
    }
  }

  ClientOptions toClientOptions() {
    Path self = Path.of("/proc/self");
    return ClientOptions.defaults()
        .withDirectMode(direct)
        .withProviderChoice(provider)
        .withOperationTimeoutMillis(Math.multiplyExact(timeoutSeconds, 1000))
        .withBusyPollNanos(busyPoll ? Long.MAX_VALUE : 0)
        .withUser(id(self, "unix:uid"), id(self, "unix:gid"));
  }

  /** The server decides by these numbers; nobody's when the system does not say ours. */
  private static int id(Path self, String attribute) {
    try {
      return (Integer) Files.getAttribute(self, attribute);
    } catch (IOException | UnsupportedOperationException | IllegalArgumentException _) {
      return 65_534;
    }
  }
}
