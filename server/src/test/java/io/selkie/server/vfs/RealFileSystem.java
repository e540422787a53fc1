package io.selkie.server.vfs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDirFactory;

/** Temporary directories on a file system with blocks, as the tests of {@code posix} have them. */
final class RealFileSystem implements TempDirFactory {
  @Override
  public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext context)
      throws IOException {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    return Files.createTempDirectory(Files.createDirectories(base), "vfs").toRealPath();
  }
}
