package io.selkie.test.dax;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.lease.PmemFileSystem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * All system calls that make something durable, of all processes of this machine, as the kernel
 * traces them. Only in a guest, where there is nobody else.
 */
final class SyncCalls implements AutoCloseable {
  private static final List<String> CALLS =
      List.of("fsync", "fdatasync", "msync", "sync_file_range", "syncfs", "sync");
  private static final Pattern LINE = Pattern.compile(": sys_(\\w+)\\(");

  private final Path tracing;
  private final Path instance;

  /** Begins to trace. */
  SyncCalls() throws IOException, InterruptedException {
    tracing = Files.createTempDirectory("tracing-");
    PmemFileSystem.run("mount", "-t", "tracefs", "tracefs", tracing.toString());
    instance = Files.createDirectory(tracing.resolve("instances/selkie"));
    enable('1');
  }

  private void enable(char how) throws IOException {
    for (String call : CALLS) {
      Path event = instance.resolve("events/syscalls/sys_enter_" + call + "/enable");
      Files.writeString(event, String.valueOf(how), UTF_8);
    }
  }

  /** Forgets those up to now. */
  void forget() throws IOException {
    Files.writeString(instance.resolve("trace"), "", UTF_8);
  }

  /** How many there were of each that there was. */
  Map<String, Integer> counts() throws IOException {
    Map<String, Integer> counts = new TreeMap<>();
    Matcher matcher = LINE.matcher(Files.readString(instance.resolve("trace"), UTF_8));
    while (matcher.find()) {
      counts.merge(matcher.group(1), 1, Integer::sum);
    }
    return counts;
  }

  @Override
  public void close() throws IOException, InterruptedException {
    enable('0');
    Files.delete(instance);
    PmemFileSystem.run("umount", tracing.toString());
  }
}
