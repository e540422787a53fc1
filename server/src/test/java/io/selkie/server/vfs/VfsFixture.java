package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.PosixException;
import io.selkie.server.vfs.Export.HandleMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;

/** A file system over {@code directory/export}, with its state in {@code directory/state}. */
final class VfsFixture implements AutoCloseable {
  static final long STARTED = 1_700_000_000L;

  static final ChangeClock.Clocks CLOCKS =
      new ChangeClock.Clocks(InstantSource.system(), NanoClock.system(), "test");

  /** Most that may be open at a time. */
  static final int OPEN_FILES = 100;

  final Kernel kernel;
  final Path base;
  final Path exported;
  final Export export;
  final VfsState state;
  final PassthroughFileSystem vfs;

  VfsFixture(Kernel kernel, Path directory, HandleMode mode) throws IOException {
    this(kernel, directory, mode, false, 1000);
  }

  VfsFixture(Kernel kernel, Path directory, HandleMode mode, boolean readOnly, int indexCapacity)
      throws IOException {
    this.kernel = kernel;
    this.base = directory;
    this.exported = Files.createDirectories(directory.resolve("export"));
    this.state =
        VfsState.open(
            kernel,
            directory.resolve("state").toString(),
            RandomGenerator.of("L64X128MixRandom"),
            indexCapacity,
            CLOCKS);
    this.export = openExport(kernel, exported, mode, readOnly);
    this.vfs = new PassthroughFileSystem(kernel, List.of(export), state, STARTED, OPEN_FILES);
  }

  private static Export openExport(Kernel kernel, Path path, HandleMode mode, boolean readOnly)
      throws PosixException {
    return Export.open(kernel, "data", path.toString(), readOnly, mode);
  }

  VfsFile root() {
    return lookup(vfs.root(), "data");
  }

  VfsFile lookup(VfsFile directory, String name) {
    Found found = vfs.lookup(directory, Names.bytes(name));
    assertThat(found.status()).as("lookup of %s", name).isEqualTo(NFS4_OK);
    return found.file();
  }

  VfsFile walk(String path) {
    VfsFile file = root();
    for (String name : path.split("/")) {
      file = lookup(file, name);
    }
    return file;
  }

  int statusOf(VfsFile directory, String name) {
    return vfs.lookup(directory, Names.bytes(name)).status();
  }

  FileStatus stat(VfsFile file) {
    FileStatus status = new FileStatus();
    assertThat(vfs.getAttributes(file, status)).isEqualTo(NFS4_OK);
    return status;
  }

  OpenFile open(VfsFile file, boolean write) {
    return ((OpenFileTable.Acquired.Opened) vfs.open(file, write)).file();
  }

  /** Descriptors of this process on anything below the fixture's directory. */
  long descriptors() throws IOException {
    try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.filter(
              fd -> {
                try {
                  return Files.readSymbolicLink(fd).startsWith(base);
                } catch (IOException e) {
                  // Closed since by another thread.
                  return false;
                }
              })
          .count();
    }
  }

  @Override
  public void close() {
    vfs.close();
    export.close();
    state.close();
  }
}
