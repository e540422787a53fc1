package io.selkie.server.keeper;

import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** Whether leases can outlive a server here: starts a keeper, and has it keep something. */
public final class KeeperTrial {

  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private KeeperTrial() {}

  /**
   * Tries it, with a process of our own; takes about a second.
   *
   * @return why they cannot; empty when they can
   */
  public static Optional<String> run(Kernel kernel) {
    try {
      Path directory = Files.createTempDirectory("selkie-keeper");
      try (KeeperProcess process = KeeperProcess.start(kernel, directory, 1, PATIENCE)) {
        return keep(kernel, process);
      } finally {
        // The one that was tried was ended before it could.
        new KeeperSocket(kernel, directory, ProcessHandle.current().pid()).remove();
        Files.delete(directory);
      }
    } catch (IOException e) {
      return Optional.of(e.getMessage());
    }
  }

  private static Optional<String> keep(Kernel kernel, KeeperProcess process) throws IOException {
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD, Names.bytes("/dev/null"), OpenFlags.RDWR | OpenFlags.CLOEXEC, 0, 0);
    try {
      String name = new KeptName(Duration.ZERO, process.pid(), 1).text();
      process.socket().send("FDSTORE=1\nFDNAME=" + name, fd);
    } finally {
      kernel.close(fd);
    }
    return process.socket().awaitHeard(PATIENCE)
        ? Optional.empty()
        : Optional.of("a keeper was started and did not answer");
  }
}
