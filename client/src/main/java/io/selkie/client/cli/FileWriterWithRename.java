package io.selkie.client.cli;

import java.io.IOException;
import java.util.random.RandomGenerator;

/**
 * Writes a file under a temporary name beside its own, makes it durable and renames it: whoever
 * looks sees the old file or the new one, never half of it.
 */
final class FileWriterWithRename {
  private static final String SUFFIX = ".selkie-part";

  private final RandomGenerator random;

  FileWriterWithRename(RandomGenerator random) {
    this.random = random;
  }

  /**
   * Copies a source to a target.
   *
   * @param sizeBytes what the source is expected to hold, or -1
   * @return bytes copied
   */
  long write(Pump pump, Pump.Source source, long sizeBytes, Place target, Progress progress)
      throws IOException {
    // A name has room for 255 bytes, also for the temporary one.
    String name = target.name().length() > 50 ? "" : "." + target.name();
    Place temporary = target.sibling(name + "." + Long.toHexString(random.nextLong()) + SUFFIX);
    boolean done = false;
    try {
      long bytes;
      try (Place.OpenTarget open = temporary.create(sizeBytes)) {
        bytes = pump.copy(source, open.sink(), progress);
        open.finish(bytes);
      }
      temporary.renameTo(target);
      done = true;
      return bytes;
    } catch (IOException e) {
      throw cleanUp(temporary, e);
    } finally {
      if (!done) {
        progress.close();
      }
    }
  }

  private static IOException cleanUp(Place temporary, IOException cause) {
    try {
      if (temporary.kind() == Place.Kind.FILE) {
        temporary.remove();
      }
    } catch (IOException e) {
      IOException said =
          new IOException(
              cause.getMessage() + "; the unfinished " + temporary + " could not be removed",
              cause);
      said.addSuppressed(e);
      return said;
    }
    return cause;
  }
}
