package io.selkie.lease;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.OpenFlags;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Set;

/** Who has registered at a disk; for tests of more than this module. */
public final class DiskKeys {

  private DiskKeys() {}

  /** The keys, asked for on one of the ways to the disk. */
  public static Set<Long> of(Path disk) throws IOException {
    Kernel kernel = new LinuxKernel();
    long flags = OpenFlags.RDONLY | OpenFlags.CLOEXEC;
    int fd = kernel.openat2(Kernel.AT_FDCWD, disk.toString().getBytes(UTF_8), flags, 0, 0);
    if (fd < 0) {
      throw new IOException("opening " + disk + ": " + fd);
    }
    try {
      return new LinkedHashSet<>(new ScsiCommands(kernel, fd, disk.toString()).keys());
    } finally {
      kernel.close(fd);
    }
  }
}
