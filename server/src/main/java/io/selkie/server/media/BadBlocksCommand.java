package io.selkie.server.media;

import io.selkie.config.cli.CommandFactory;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.BlockMapReader;
import io.selkie.lease.BlockMapReader.MapRead;
import io.selkie.lease.ByteRange;
import io.selkie.posix.AtFlags;
import io.selkie.posix.BadBlockLists;
import io.selkie.posix.BadRanges;
import io.selkie.posix.DaxDevice.BadBlockList;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code selkie badblocks}: which files lie on storage that cannot be read. */
@Command(
    name = "badblocks",
    description = {
      "Say which files lie on bad blocks of persistent memory, and which bytes of them.",
      "Looks into every file below PATH on PATH's file system, once the kernel lists bad blocks"
          + " there at all. To look into a file it has to be opened, so clients give its layouts"
          + " and delegations back; one that is not back yet is named, and can be asked for again."
    },
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "Exit status:%n",
    exitCodeList = {
      "0:no file below PATH lies on bad blocks",
      "1:some do, or could not be looked into",
      "2:wrong usage"
    })
public final class BadBlocksCommand implements Callable<Integer> {
  private static final int EXTENTS_PER_PAGE = 512;
  private static final int EXTENTS_MAX = 1 << 20;

  @Spec private CommandSpec spec;

  @Parameters(
      arity = "0..1",
      paramLabel = "PATH",
      defaultValue = ".",
      description = "A directory or file; the working directory unless given.")
  private Path path;

  private final Kernel kernel = new LinuxKernel();
  private final BlockMapReader reader = new BlockMapReader(kernel, EXTENTS_PER_PAGE, EXTENTS_MAX);
  private boolean clean = true;

  private BadBlocksCommand() {}

  /** Makes the command. */
  public static final class Factory implements CommandFactory {
    /** For the service loader. */
    public Factory() {}

    @Override
    public Object create() {
      return new BadBlocksCommand();
    }

    @Override
    public String name() {
      return "badblocks";
    }
  }

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    FileStatus status = new FileStatus();
    int result =
        kernel.statx(Kernel.AT_FDCWD, Names.bytes(path.toString()), 0, FileStatus.MASK_ALL, status);
    if (result < 0) {
      spec.commandLine().getErr().println("selkie: " + path + ": " + Errno.describe(result));
      return CommandLine.ExitCode.USAGE;
    }
    long device = status.device();
    Optional<BadBlockList> list;
    try (BadBlockLists lists = new BadBlockLists(kernel)) {
      list = lists.ofDisk(device);
    }
    BadRanges bad = list.isEmpty() ? BadRanges.NONE : list.get().read(Long.MAX_VALUE);
    if (bad.count() == 0) {
      out.println(
          list.map(known -> known.file() + ": no bad blocks")
              .orElse(path + ": the kernel keeps no list of bad blocks for its file system"));
      out.flush();
      return CommandLine.ExitCode.OK;
    }
    out.println(list.get().file() + ": bad at bytes " + bad);
    walk(device, bad, out);
    out.flush();
    return clean ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
  }

  private void walk(long device, BadRanges bad, PrintWriter out) throws IOException {
    Files.walkFileTree(
        path,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes any) {
            FileStatus status = new FileStatus();
            int result =
                kernel.statx(
                    Kernel.AT_FDCWD,
                    Names.bytes(directory.toString()),
                    AtFlags.SYMLINK_NOFOLLOW,
                    FileStatus.MASK_BASIC,
                    status);
            return result >= 0 && status.device() == device
                ? FileVisitResult.CONTINUE
                : FileVisitResult.SKIP_SUBTREE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (attributes.isRegularFile()) {
              look(file, device, bad, out);
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException why) {
            notLookedInto(file, why.toString(), out);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private void look(Path file, long device, BadRanges bad, PrintWriter out) {
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(file.toString()),
            OpenFlags.RDONLY | OpenFlags.NONBLOCK | OpenFlags.NOFOLLOW | OpenFlags.CLOEXEC,
            0,
            0);
    if (fd < 0) {
      notLookedInto(
          file,
          Errno.EAGAIN.is(fd) ? "leased; it is being given back, ask again" : Errno.describe(fd),
          out);
      return;
    }
    try {
      MapRead read = reader.read(fd, device, new ByteRange(0, Long.MAX_VALUE));
      if (!(read instanceof MapRead.Found(var map))) {
        notLookedInto(file, "its block map cannot be read: " + read, out);
        return;
      }
      for (Extent extent : map.extents()) {
        if (extent.located()) {
          say(file, extent, bad, out);
        }
      }
    } finally {
      kernel.close(fd);
    }
  }

  private void say(Path file, Extent extent, BadRanges bad, PrintWriter out) {
    for (int i = 0; i < bad.count(); i++) {
      long from = Math.max(bad.start(i), extent.physical());
      long end = Math.min(bad.end(i), extent.physical() + extent.length());
      if (from < end) {
        clean = false;
        out.printf(
            "%s: bytes %d+%d%n", file, extent.logical() + from - extent.physical(), end - from);
      }
    }
  }

  private void notLookedInto(Path file, String why, PrintWriter out) {
    clean = false;
    out.printf("%s: not looked into: %s%n", file, why);
  }
}
