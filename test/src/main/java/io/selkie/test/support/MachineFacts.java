package io.selkie.test.support;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/** What figures depend on, for whoever compares them later: the machine and the Java machine. */
public final class MachineFacts {

  private MachineFacts() {}

  /** Facts by name, in a fixed order; what cannot be found out is called unknown. */
  public static Map<String, Object> collect(Path directory) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("cpu_model", cpuModel());
    facts.put("cpus", Runtime.getRuntime().availableProcessors());
    facts.put("memory_mib", memoryMib());
    facts.put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"));
    facts.put("arch", System.getProperty("os.arch"));
    facts.put("file_system", fileSystem(directory));
    facts.put(
        "load_average_1m", ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
    facts.put(
        "jvm", System.getProperty("java.vm.name") + " " + System.getProperty("java.vm.version"));
    facts.put("jvm_vendor", System.getProperty("java.vendor"));
    facts.put(
        "jvm_collectors",
        ManagementFactory.getGarbageCollectorMXBeans().stream()
            .map(collector -> collector.getName())
            .collect(Collectors.joining(", ")));
    facts.put("jvm_heap_max_mib", Runtime.getRuntime().maxMemory() >> 20);
    return facts;
  }

  private static String cpuModel() {
    return firstLine(Path.of("/proc/cpuinfo"), "model name");
  }

  private static Object memoryMib() {
    String total = firstLine(Path.of("/proc/meminfo"), "MemTotal");
    int space = total.indexOf(' ');
    return space < 0 ? total : Long.parseLong(total.substring(0, space)) >> 10;
  }

  private static String fileSystem(Path directory) {
    try {
      return Files.getFileStore(directory).type();
    } catch (IOException _) {
      return "unknown";
    }
  }

  private static String firstLine(Path file, String key) {
    try (var lines = Files.lines(file, UTF_8)) {
      return lines
          .filter(line -> line.startsWith(key))
          .findFirst()
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .orElse("unknown");
    } catch (IOException _) {
      return "unknown";
    }
  }
}
