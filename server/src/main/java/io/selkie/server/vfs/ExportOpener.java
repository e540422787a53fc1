package io.selkie.server.vfs;

import io.selkie.config.ExportConfig;
import io.selkie.lease.FileIdentity;
import io.selkie.posix.AtFlags;
import io.selkie.posix.DeviceFiles;
import io.selkie.posix.DeviceMemory;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.PosixException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens what the configuration says is exported: a directory, or a device.
 *
 * <p>A device has no inode that a client could be shown. So the state directory keeps a directory
 * for each device export, with one file in it, the stand-in: as long as the device, without a
 * block. It has the owner and mode that the device's node had when it was made, and keeps what is
 * set later. It belongs to the device's uuid, or to its path where it has none, so that other data
 * under the same name has other filehandles. What goes to its data goes to the device ({@link
 * DeviceFiles}).
 */
public final class ExportOpener {
  private static final Logger LOG = LoggerFactory.getLogger(ExportOpener.class);

  private final DeviceFiles kernel;
  private final Path standIns;

  /**
   * On a kernel.
   *
   * @param stateDirectory has to outlive restarts
   */
  public ExportOpener(DeviceFiles kernel, Path stateDirectory) {
    this.kernel = kernel;
    this.standIns = stateDirectory.resolve("devices");
  }

  /**
   * Opens one.
   *
   * @throws IOException when it cannot be, with the reason and what to do
   */
  public Export open(ExportConfig config) throws IOException {
    return config.isDevice()
        ? device(config)
        : Export.open(
            kernel,
            config.name(),
            config.path().toString(),
            config.readOnly(),
            Export.HandleMode.KERNEL);
  }

  private Export device(ExportConfig config) throws IOException {
    DeviceMemory memory = kernel.openDevice(config.device());
    boolean done = false;
    try {
      String directory = directory(config, memory).toString();
      int directoryFd = open(Kernel.AT_FDCWD, directory, OpenFlags.PATH | OpenFlags.DIRECTORY);
      try {
        if (memory.device().badBlocks().isPresent()) {
          memory.bad(memory.device().badBlocks().get().read(memory.device().sizeBytes()));
        }
        FileIdentity standIn = standIn(config, memory, directoryFd);
        Export export =
            Export.open(
                kernel,
                config.name(),
                directory,
                config.readOnly(),
                Export.HandleMode.KERNEL,
                Optional.of(
                    new Export.Backing(
                        config.device().toString(),
                        memory,
                        standIn,
                        config.layouts(),
                        () -> end(memory, directory))));
        done = true;
        LOG.info(
            "export {}: {} is the file {} of {} bytes; its stand-in is in {}",
            config.name(),
            config.device(),
            config.fileName(),
            memory.device().sizeBytes(),
            directory);
        return export;
      } finally {
        if (!done) {
          kernel.forget(memory, directoryFd);
        }
        kernel.close(directoryFd);
      }
    } finally {
      if (!done) {
        memory.close();
      }
    }
  }

  private Path directory(ExportConfig config, DeviceMemory memory) throws IOException {
    String owner =
        memory
            .device()
            .identity()
            .map(UUID::toString)
            .orElseGet(() -> asName(config.device().toString()));
    Path directory = standIns.resolve(asName(config.name()) + "." + owner);
    Files.createDirectories(directory);
    Path wanted = directory.resolve(config.fileName());
    try (Stream<Path> files = Files.list(directory)) {
      List<Path> others = files.filter(file -> !file.equals(wanted)).sorted().toList();
      for (Path other : others) {
        if (Files.exists(wanted)) {
          Path aside = standIns.resolve(directory.getFileName() + ".aside." + other.getFileName());
          Files.move(other, aside, StandardCopyOption.REPLACE_EXISTING);
          LOG.warn("{} was beside the stand-in {}; it is {} now", other, wanted, aside);
        } else {
          // It is called otherwise from now on, and is the same file to whoever has its handle.
          Files.move(other, wanted);
        }
      }
    }
    return directory;
  }

  private static String asName(String text) {
    return text.replace("%", "%25").replace("/", "%2f");
  }

  /** Makes it as long as the device, and known. */
  private FileIdentity standIn(ExportConfig config, DeviceMemory memory, int directoryFd)
      throws IOException {
    long size = memory.device().sizeBytes();
    int fd = open(directoryFd, config.fileName(), OpenFlags.RDWR | OpenFlags.CREAT);
    try {
      FileStatus made = status(fd);
      int result = made.size() == size ? 0 : kernel.ftruncate(fd, size);
      if (result < 0) {
        throw new PosixException(
            "ftruncate",
            result,
            "stand-in of " + config.device(),
            "have the state directory on a file system with files of " + size + " bytes");
      }
      if (made.size() == 0) {
        FileStatus node = new FileStatus();
        byte[] path = Names.bytes(config.device().toString());
        if (kernel.statx(Kernel.AT_FDCWD, path, 0, FileStatus.MASK_ALL, node) >= 0) {
          kernel.fchown(fd, node.uid(), node.gid());
          kernel.fchmod(fd, node.permissions() & 0666);
        }
      }
      kernel.fsync(fd);
      kernel.standIn(directoryFd, fd, memory);
      return new FileIdentity(made.device(), made.inode(), 0);
    } finally {
      kernel.close(fd);
    }
  }

  private FileStatus status(int fd) throws PosixException {
    FileStatus status = new FileStatus();
    int result = kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status);
    if (result < 0) {
      throw new PosixException("statx", result, "stand-in of a device", "see its disk");
    }
    return status;
  }

  private int open(int directoryFd, String name, long flags) throws PosixException {
    int fd =
        kernel.openat2(
            directoryFd,
            Names.bytes(name),
            flags | OpenFlags.CLOEXEC | OpenFlags.NOFOLLOW,
            (flags & OpenFlags.CREAT) == 0 ? 0 : 0600,
            0);
    if (fd < 0) {
      throw new PosixException("openat2", fd, "stand-in " + name, "see the state directory");
    }
    return fd;
  }

  /** Lets go of a device; its export is closed and nobody is inside. */
  private void end(DeviceMemory memory, String directory) {
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(directory),
            OpenFlags.PATH | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC,
            0,
            0);
    kernel.forget(memory, fd);
    if (fd >= 0) {
      kernel.close(fd);
    }
    memory
        .end()
        .ifPresent(why ->
            LOG.error(
                "{} stays mapped and locked: {}; start the server anew before it is exported again",
                memory.device().path(),
                why));
  }
}
