package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: where it cannot be found out what a file is, nothing is done with it. */
class DeviceFilesTest {
  private static final int SIZE = 1 << 16;

  @TempDir(factory = RealFileSystem.class)
  Path folder;

  private boolean statxFails;
  private DeviceFiles kernel;
  private DeviceMemory memory;
  private int directoryFd;

  @BeforeEach
  void start() throws Exception {
    Kernel real =
        new ForwardingKernel(new LinuxKernel()) {
          @Override
          public int statx(int dirFd, byte[] name, int atFlags, int mask, FileStatus out) {
            return statxFails
                ? Errno.EIO.result()
                : delegate().statx(dirFd, name, atFlags, mask, out);
          }
        };
    Path device = folder.resolve("dax0.0");
    try (RandomAccessFile file = new RandomAccessFile(device.toFile(), "rw")) {
      file.setLength(SIZE);
    }
    kernel =
        new DeviceFiles(
            real,
            path -> new DaxDevice(path, SIZE, 4096, Optional.empty(), folder, Optional.empty()));
    memory = kernel.openDevice(device);
    Path directory = Files.createDirectory(folder.resolve("stand-ins"));
    Files.createFile(directory.resolve("data"));
    directoryFd = open(Kernel.AT_FDCWD, directory.toString(), OpenFlags.PATH);
    int fd = open(directoryFd, "data", OpenFlags.RDWR);
    kernel.standIn(directoryFd, fd, memory);
    kernel.close(fd);
  }

  @AfterEach
  void stop() {
    statxFails = false;
    kernel.forget(memory, directoryFd);
    kernel.close(directoryFd);
    memory.close();
  }

  private int open(int dirFd, String name, long flags) {
    return kernel.openat2(dirFd, Names.bytes(name), flags | OpenFlags.CLOEXEC, 0, 0);
  }

  @Test
  void fileThatCannotBeLookedAtIsNotOpened() {
    statxFails = true;
    assertThat(open(directoryFd, "data", OpenFlags.RDWR)).isEqualTo(Errno.EIO.result());

    statxFails = false;
    int fd = open(directoryFd, "data", OpenFlags.RDWR);
    assertThat(kernel.behind(fd)).isSameAs(memory);
    kernel.close(fd);
  }

  @Test
  void directoryThatCannotBeLookedAtIsNotChanged() {
    byte[] name = Names.bytes("new");
    assertThat(kernel.mkdirat(directoryFd, name, 0700)).isEqualTo(Errno.EROFS.result());
    statxFails = true;
    int error = Errno.EIO.result();
    assertThat(kernel.mkdirat(directoryFd, name, 0700)).isEqualTo(error);
    assertThat(kernel.unlinkat(directoryFd, Names.bytes("data"), 0)).isEqualTo(error);
    assertThat(kernel.renameat2(directoryFd, Names.bytes("data"), directoryFd, name, 0))
        .isEqualTo(error);
    assertThat(folder.resolve("stand-ins/data")).exists();
  }
}
