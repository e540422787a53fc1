package io.selkie.server.seal;

import io.selkie.posix.PidFd;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** What the command is told when the seal is being broken. */
sealed interface OnBreak {

  /** It is ended with SIGTERM, and {@code selkie seal} exits with a status of its own. */
  record Exit() implements OnBreak {}

  /** It gets a signal and does what it likes for the hold; its status counts. */
  record Signal(int number) implements OnBreak {}

  /** Reads {@code exit} and {@code signal:NAME}. */
  final class Converter implements ITypeConverter<OnBreak> {
    private static final String PREFIX = "signal:";

    Converter() {}

    @Override
    public OnBreak convert(String text) {
      if (text.equals("exit")) {
        return new Exit();
      }
      String name = text.startsWith(PREFIX) ? text.substring(PREFIX.length()) : "";
      return new Signal(
          PidFd.signal(name)
              .orElseThrow(() ->
                  new TypeConversionException(
                      "'" + text + "' is neither exit nor signal:NAME, such as signal:USR1")));
    }
  }
}
