package io.selkie.lease;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.OpenFlags;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;

/** Who has registered at a disk; for tests of more than this module. */
public final class DiskKeys {

  private DiskKeys() {}

  /** The keys, asked for on one of the ways to the disk. */
  public static Set<Long> of(Path disk) throws IOException {
    return ask(disk, commands -> new LinkedHashSet<>(commands.keys()));
  }

  /** The key of who holds the reservation, or of one of those who do. */
  public static Optional<Long> holder(Path disk) throws IOException {
    return ask(disk, ReservationCommands::reservation)
        .map(found -> found.holders().iterator().next());
  }

  @FunctionalInterface
  private interface Question<T> {
    T ask(ReservationCommands commands) throws IOException;
  }

  private static <T> T ask(Path disk, Question<T> question) throws IOException {
    Kernel kernel = new LinuxKernel();
    long flags = OpenFlags.RDONLY | OpenFlags.CLOEXEC;
    int fd = kernel.openat2(Kernel.AT_FDCWD, disk.toString().getBytes(UTF_8), flags, 0, 0);
    if (fd < 0) {
      throw new IOException("opening " + disk + ": " + fd);
    }
    try {
      Path facts = Path.of("/sys/class/block").resolve(disk.toRealPath().getFileName());
      Optional<NvmeCommands> nvme = NvmeCommands.of(kernel, fd, disk.toString(), facts);
      return question.ask(
          nvme.isPresent() ? nvme.get() : new ScsiCommands(kernel, fd, disk.toString()));
    } finally {
      kernel.close(fd);
    }
  }
}
