package io.selkie.lease;

import io.selkie.posix.Kernel;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;

/** Commands that run a class of the tests in a JVM of its own, and kernels that do more. */
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

  /** A kernel after each of whose calls something else happens. */
  static Kernel intercepting(Kernel kernel, BiConsumer<String, Object> afterwards) {
    return (Kernel)
        Proxy.newProxyInstance(
            Kernel.class.getClassLoader(),
            new Class<?>[] {Kernel.class},
            (proxy, method, arguments) -> {
              Object result = method.invoke(kernel, arguments);
              afterwards.accept(method.getName(), result);
              return result;
            });
  }

  /** The same after a command of the shell that sets a limit. */
  static String[] limited(String limit, Class<?> main, String... arguments) {
    List<String> command = new ArrayList<>(List.of("bash", "-c", limit + " && exec \"$@\"", "sh"));
    command.addAll(List.of(command(main, arguments)));
    return command.toArray(String[]::new);
  }
}
