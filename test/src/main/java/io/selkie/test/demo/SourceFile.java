package io.selkie.test.demo;

import io.selkie.test.support.ScratchDirectory;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/** The file to copy: what was asked for, else one that every JDK brings, else one made up. */
final class SourceFile {

  static final long BYTES_MIN = 100L << 20;

  private static final int CHUNK_BYTES = 1 << 20;
  private static final long SEED = 1;

  private SourceFile() {}

  static Path choose(Optional<Path> asked, ScratchDirectory scratch) throws IOException {
    if (asked.isPresent()) {
      if (!Files.isRegularFile(asked.get()) || Files.size(asked.get()) < BYTES_MIN) {
        throw new IOException(asked.get() + " is no file of at least 100 MiB");
      }
      return asked.get();
    }
    Path modules = Path.of(System.getProperty("java.home"), "lib", "modules");
    if (Files.isReadable(modules) && Files.size(modules) >= BYTES_MIN) {
      return modules;
    }
    return make(scratch.resolve("source"));
  }

  private static Path make(Path path) throws IOException {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(SEED);
    byte[] chunk = new byte[CHUNK_BYTES];
    try (OutputStream out = Files.newOutputStream(path)) {
      for (long written = 0; written < BYTES_MIN + 12_345; written += CHUNK_BYTES) {
        random.nextBytes(chunk);
        out.write(chunk);
      }
    }
    return path;
  }
}
