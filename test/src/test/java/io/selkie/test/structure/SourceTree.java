package io.selkie.test.structure;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The project's own files, for tests that read them. Every list it gives is checked not to be
 * empty: a test that looked at nothing must not pass.
 */
final class SourceTree {

  static final List<String> MODULES =
      List.of("config", "posix", "lease", "rdma", "protocol", "layout", "server", "client", "test");

  /** What a working tree holds besides the project: build results and settings of editors. */
  private static final Set<String> FOREIGN =
      Set.of(".git", "target", ".idea", ".vscode", ".settings");

  private SourceTree() {}

  /** The root of the project, as the build says; in an editor, the folder that holds LICENSE. */
  static Path root() {
    String property = System.getProperty("selkie.root");
    Path start = Path.of(property != null ? property : "").toAbsolutePath();
    for (Path folder = start; folder != null; folder = folder.getParent()) {
      if (Files.exists(folder.resolve("LICENSE"))) {
        return folder;
      }
    }
    throw new AssertionError("no root of the project at or above " + start);
  }

  /** All Java sources of all modules, tests included. */
  static List<Path> javaFiles() {
    return notEmpty(
        "Java sources",
        files().stream().filter(file -> file.toString().endsWith(".java")).toList());
  }

  /** The Java sources that make the program: no tests. */
  static List<Path> mainJavaFiles() {
    return notEmpty(
        "main Java sources",
        MODULES.stream()
            .map(module -> root().resolve(module, "src", "main"))
            .flatMap(main -> javaFiles().stream().filter(file -> file.startsWith(main)))
            .toList());
  }

  /** Every file that belongs to the project, as version control sees it where there is one. */
  static List<Path> files() {
    return notEmpty("files", trackedFiles().orElseGet(SourceTree::walkedFiles));
  }

  /** The text of a file, or nothing if it is not text. */
  static Optional<String> text(Path file) {
    try {
      return Optional.of(Files.readString(file));
    } catch (CharacterCodingException _) {
      return Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Runs git in the project's root; nothing if there is no git, or no repository. */
  static Optional<String> git(String... arguments) {
    try {
      Process process =
          new ProcessBuilder(Stream.concat(Stream.of("git"), Stream.of(arguments)).toList())
              .directory(root().toFile())
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      String out = new String(process.getInputStream().readAllBytes(), UTF_8);
      return process.waitFor() == 0 ? Optional.of(out) : Optional.empty();
    } catch (IOException _) {
      return Optional.empty();
    } catch (InterruptedException e) {
      throw new AssertionError("interrupted while git ran", e);
    }
  }

  /** Files not yet added count too: they are about to be. */
  private static Optional<List<Path>> trackedFiles() {
    return git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        .map(names ->
            Stream.of(names.split("\0"))
                .distinct()
                .map(name -> root().resolve(name))
                .filter(Files::isRegularFile)
                .toList());
  }

  private static List<Path> walkedFiles() {
    List<Path> files = new ArrayList<>();
    try {
      Files.walkFileTree(
          root(),
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
              return FOREIGN.contains(String.valueOf(folder.getFileName()))
                  ? FileVisitResult.SKIP_SUBTREE
                  : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              if (attributes.isRegularFile()) {
                files.add(file);
              }
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return files;
  }

  private static List<Path> notEmpty(String what, List<Path> files) {
    assertThat(files).as("%s beneath %s", what, root()).isNotEmpty();
    return files;
  }
}
