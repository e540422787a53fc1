package io.selkie.test.support;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Where to put an export for a demonstration: on a file system whose files can be sealed. */
public final class Workspace {

  /** File systems that live in memory and tell no block maps. */
  private static final Set<String> WITHOUT_BLOCKS = Set.of("tmpfs", "ramfs", "devtmpfs");

  private Workspace() {}

  /**
   * The directory that was asked for, or the first of the usual ones on a file system with blocks.
   */
  public static Path choose(Optional<Path> asked) throws IOException {
    List<Path> candidates = new ArrayList<>();
    asked.ifPresentOrElse(
        candidates::add,
        () -> {
          candidates.add(Path.of(System.getProperty("java.io.tmpdir")));
          candidates.add(Path.of("/var/tmp"));
          candidates.add(Path.of("").toAbsolutePath());
        });
    List<String> refused = new ArrayList<>();
    for (Path candidate : candidates) {
      if (!Files.isDirectory(candidate) || !Files.isWritable(candidate)) {
        refused.add(candidate + " (no directory one can write to)");
      } else if (WITHOUT_BLOCKS.contains(Files.getFileStore(candidate).type())) {
        refused.add(
            candidate + " (" + Files.getFileStore(candidate).type() + " has no block maps)");
      } else {
        return candidate.toRealPath();
      }
    }
    throw new IOException(
        "no place for an export: " + String.join(", ", refused) + "; name one with --dir");
  }
}
