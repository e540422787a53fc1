package io.selkie.test.dax;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.PmemFileSystem;
import io.selkie.posix.FiemapPage;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file system on the guest's device for bad blocks. What is written to the kernel's list of them
 * by hand takes effect as if the device had said so, but nobody is told. Closing unmounts it, and
 * has the device forget.
 */
final class SpoiledDisk implements AutoCloseable {
  /** Bytes that one call spoils. */
  static final int PAGE_BYTES = 4096;

  private static final String DEVICE = "/dev/pmem2";
  private static final Path LIST = Path.of("/sys/block/pmem2/badblocks");

  private final Path root;

  private SpoiledDisk(Path root) {
    this.root = root;
  }

  /** Makes one, mounted in DAX state. */
  static SpoiledDisk make(String mkfs) throws IOException, InterruptedException {
    PmemFileSystem.run((mkfs + " " + DEVICE).split(" ", -1));
    Path root = Files.createTempDirectory("media-");
    PmemFileSystem.run("mount", "-o", "dax=always", DEVICE, root.toString());
    return new SpoiledDisk(root);
  }

  /** Where it is mounted. */
  Path root() {
    return root;
  }

  /** Makes the page bad that begins at an offset of a file. */
  void spoil(Path file, long offset) throws IOException {
    String sectors = placeOf(file, offset) / 512 + " " + PAGE_BYTES / 512;
    Files.writeString(LIST, sectors, UTF_8, StandardOpenOption.WRITE);
  }

  /** Where a byte of a file lies on its device. */
  private static long placeOf(Path file, long offset) {
    Kernel kernel = new LinuxKernel();
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(file.toString()),
            OpenFlags.RDONLY | OpenFlags.CLOEXEC,
            0,
            0);
    try {
      var page = new FiemapPage(4);
      assertThat(kernel.fiemap(fd, offset, 1, 0, page)).isEqualTo(1);
      return page.physical(0) + offset - page.logical(0);
    } finally {
      kernel.close(fd);
    }
  }

  @Override
  public void close() throws IOException, InterruptedException {
    PmemFileSystem.run("umount", root.toString());
    PmemFileSystem.run("ndctl", "disable-namespace", "namespace2.0");
    PmemFileSystem.run("ndctl", "enable-namespace", "namespace2.0");
  }
}
