package io.selkie.test.system;

import io.selkie.test.support.ChildJvm;
import io.selkie.test.support.ScratchDirectory;
import java.io.File;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;

/**
 * Somebody without privileges. For root that is the user nobody, by way of setpriv, with a copy of
 * the program where nobody can read it; for everybody else it is themselves.
 */
final class OrdinaryUser implements AutoCloseable {

  private static final int NOBODY = 65534;

  private final boolean isRoot;
  private final ScratchDirectory copy;
  private final String classPath;

  OrdinaryUser() throws IOException {
    copy = ScratchDirectory.in(Path.of(System.getProperty("java.io.tmpdir")), "selkie-nobody-");
    isRoot = Files.getOwner(copy.path()).getName().equals("root");
    open(copy.path());
    classPath = isRoot ? copyClassPath() : ChildJvm.classPath();
  }

  private String copyClassPath() throws IOException {
    List<String> copied = new ArrayList<>();
    int number = 0;
    for (String entry : ChildJvm.classPath().split(File.pathSeparator)) {
      Path source = Path.of(entry);
      if (Files.exists(source)) {
        Path target = copy.resolve(number++ + "-" + source.getFileName());
        copyAll(source, target);
        copied.add(target.toString());
      }
    }
    return String.join(File.pathSeparator, copied);
  }

  private static void copyAll(Path source, Path target) throws IOException {
    Files.walkFileTree(
        source,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
              throws IOException {
            open(Files.createDirectories(target.resolve(source.relativize(folder).toString())));
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Path to = file.equals(source) ? target : target.resolve(source.relativize(file));
            open(Files.copy(file, to));
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private static void open(Path path) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** Words before a command that is to run as this user. */
  List<String> prefix() {
    return isRoot
        ? List.of(
            "setpriv",
            "--reuid=" + NOBODY,
            "--regid=" + NOBODY,
            "--clear-groups",
            "--no-new-privs",
            "--inh-caps=-all",
            "--bounding-set=-all",
            "--")
        : List.of();
  }

  /** A class path this user can read. */
  String classPath() {
    return classPath;
  }

  /** A new directory that belongs to this user, on a file system that tells block maps. */
  Path newDirectory(String name) throws IOException {
    Path directory = Files.createDirectory(copy.resolve(name));
    give(directory);
    return directory;
  }

  /** Makes a file or directory this user's. */
  void give(Path path) throws IOException {
    if (isRoot) {
      Files.setAttribute(path, "unix:uid", NOBODY);
      Files.setAttribute(path, "unix:gid", NOBODY);
    }
  }

  /** The user's number as NFS calls carry it. */
  int uid() throws IOException {
    return isRoot ? NOBODY : (Integer) Files.getAttribute(copy.path(), "unix:uid");
  }

  @Override
  public void close() throws IOException {
    copy.close();
  }
}
