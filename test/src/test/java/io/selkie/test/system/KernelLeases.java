package io.selkie.test.system;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What the kernel itself says about leases, in /proc/locks. */
final class KernelLeases {

  private KernelLeases() {}

  /** The lines about leases on a file. */
  static List<String> on(Path file) throws IOException {
    String inode = ":" + Files.getAttribute(file, "unix:ino") + " ";
    try (var lines = Files.lines(Path.of("/proc/locks"), UTF_8)) {
      return lines.filter(line -> line.contains("LEASE") && line.contains(inode)).toList();
    }
  }

  /** How many leases a process holds. */
  static long heldBy(long pid) throws IOException {
    String owner = " " + pid + " ";
    try (var lines = Files.lines(Path.of("/proc/locks"), UTF_8)) {
      return lines.filter(line -> line.contains("LEASE") && line.contains(owner)).count();
    }
  }
}
