package io.selkie.test.support;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Command lines that run a class of this program in a Java machine of its own. */
public final class ChildJvm {

  private ChildJvm() {}

  /**
   * The command: this Java machine and the flags that Selkie cannot do without.
   *
   * @param classPath where its classes are
   * @param flags more flags for the Java machine
   * @param mainClass what to run
   * @param arguments for it
   */
  public static List<String> command(
      String classPath, List<String> flags, String mainClass, List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // Those that bin/jvm.options gave to this process; sizes and agents stay our own.
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(ChildJvm::isNeeded)
        .forEach(command::add);
    command.addAll(flags);
    command.add("-cp");
    command.add(classPath);
    command.add(mainClass);
    command.addAll(arguments);
    return command;
  }

  /** The class path of this process. */
  public static String classPath() {
    return System.getProperty("java.class.path");
  }

  private static boolean isNeeded(String flag) {
    return flag.startsWith("--enable-native-access")
        || flag.startsWith("--sun-misc-unsafe")
        || flag.equals("-XX:+UseCompactObjectHeaders")
        || flag.startsWith("-XX:MaxGCPauseMillis")
        || flag.startsWith("--add-exports=java.base/");
  }
}
