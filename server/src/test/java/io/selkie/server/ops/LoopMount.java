package io.selkie.server.ops;

import io.selkie.posix.LibC;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;

/** A small ext4 file system in a file, which can be mounted, and torn out from underneath. */
final class LoopMount implements AutoCloseable {

  private static final long EXT4_IOC_SHUTDOWN = 0x8004587dL;

  /** EXT4_GOING_FLAGS_NOLOGFLUSH: nothing is written any more. */
  private static final int AT_ONCE = 2;

  private static final int O_RDONLY_DIRECTORY = 0x1_0000;

  private final Path image;
  private final Path directory;

  private LoopMount(Path image, Path directory) {
    this.image = image;
    this.directory = directory;
  }

  /** Makes the file system; it is not mounted yet. */
  static LoopMount make(Path image, Path directory) throws IOException, InterruptedException {
    must("truncate", "-s", "24M", image.toString());
    must("mkfs.ext4", "-q", "-F", image.toString());
    return new LoopMount(image, directory);
  }

  /** Whether this process may mount, and the system has what it takes. */
  static boolean isPossible(Path scratch) throws IOException, InterruptedException {
    Path image = scratch.resolve("trial.img");
    Path directory = Files.createDirectories(scratch.resolve("trial"));
    try {
      return run("truncate", "-s", "24M", image.toString()) == 0
          && run("mkfs.ext4", "-q", "-F", image.toString()) == 0
          && run("mount", "-o", "loop", image.toString(), directory.toString()) == 0
          && run("umount", directory.toString()) == 0;
    } finally {
      Files.deleteIfExists(image);
      Files.deleteIfExists(directory);
    }
  }

  void mount() throws IOException, InterruptedException {
    must("mount", "-o", "loop", image.toString(), directory.toString());
  }

  /** {@code umount -l}: gone from the tree at once, from the kernel when nobody uses it. */
  void unmountLazily() throws IOException, InterruptedException {
    must("umount", "-l", directory.toString());
  }

  /** The disk is gone: whatever is asked of the file system is an error from now on. */
  void shutDown() {
    LibC libc = LibraryLoader.create(LibC.class).load("c");
    OpenClose files = LibraryLoader.create(OpenClose.class).load("c");
    int fd = files.open(directory.toString(), O_RDONLY_DIRECTORY);
    Pointer flags = Memory.allocateDirect(jnr.ffi.Runtime.getRuntime(libc), 4, true);
    flags.putInt(0, AT_ONCE);
    int result = libc.ioctl(fd, EXT4_IOC_SHUTDOWN, flags.address());
    files.close(fd);
    if (result != 0) {
      throw new AssertionError("EXT4_IOC_SHUTDOWN answered " + result);
    }
  }

  /** What {@link LibC} has no use for. */
  public interface OpenClose {
    /** {@code open}. */
    int open(String path, int flags);

    /** {@code close}. */
    int close(int fd);
  }

  /** Whether the kernel still has it, mounted or in somebody's hands. */
  boolean isInUse() throws IOException {
    try (Stream<Path> devices = Files.list(Path.of("/sys/block"))) {
      for (Path device : devices.toList()) {
        Path file = device.resolve("loop/backing_file");
        if (Files.exists(file) && isImage(file)) {
          return true;
        }
      }
      return false;
    }
  }

  private boolean isImage(Path file) {
    try {
      return Files.readString(file).strip().equals(image.toRealPath().toString());
    } catch (IOException _) {
      // Its device has let go of it in between.
      return false;
    }
  }

  @Override
  public void close() throws IOException, InterruptedException {
    while (run("umount", "-l", directory.toString()) == 0) {
      // Perhaps there is another one below.
    }
  }

  private static void must(String... command) throws IOException, InterruptedException {
    if (run(command) != 0) {
      throw new AssertionError(String.join(" ", command) + " failed");
    }
  }

  private static int run(String... command) throws IOException, InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder(List.of(command)).redirectErrorStream(true).start();
    } catch (IOException _) {
      // No such program: the same as one that says no.
      return 127;
    }
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError(String.join(" ", command) + " does not end: " + said);
    }
    return process.exitValue();
  }
}
