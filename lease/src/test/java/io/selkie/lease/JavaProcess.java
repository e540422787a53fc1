package io.selkie.lease;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Commands that run a class of the tests in a JVM of its own. */
final class JavaProcess {

  private JavaProcess() {}

  static String[] command(Class<?> main, String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xshare:auto",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
    command.addAll(List.of(arguments));
    return command.toArray(String[]::new);
  }

  /** The same after a command of the shell that sets a limit. */
  static String[] limited(String limit, Class<?> main, String... arguments) {
    List<String> command = new ArrayList<>(List.of("bash", "-c", limit + " && exec \"$@\"", "sh"));
    command.addAll(List.of(command(main, arguments)));
    return command.toArray(String[]::new);
  }
}
