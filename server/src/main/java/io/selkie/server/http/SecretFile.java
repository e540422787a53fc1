package io.selkie.server.http;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;

/** Files that only the server may read. */
final class SecretFile {

  private static final int TYPE = 0170000;
  private static final int REGULAR = 0100000;
  private static final int OTHERS = 0077;

  private SecretFile() {}

  /**
   * Refuses a file that somebody else could read or change.
   *
   * @param key of the configuration, for the message
   * @param uid the server's; root's files are as good
   */
  static void require(Path path, String key, int uid) throws IOException {
    Map<String, Object> found;
    try {
      found = Files.readAttributes(path, "unix:mode,uid");
    } catch (NoSuchFileException e) {
      throw new IOException(key + ": there is no file " + path + "; make it, or mend the path", e);
    } catch (IOException e) {
      throw new IOException(key + ": " + path + " cannot be looked at: " + e, e);
    }
    int mode = (Integer) found.get("mode");
    if ((mode & TYPE) != REGULAR) {
      throw new IOException(key + ": " + path + " is no file");
    }
    int owner = (Integer) found.get("uid");
    if (owner != uid && owner != 0) {
      throw new IOException(
          "%s: %s belongs to user %d, who could change it; chown it to user %d"
              .formatted(key, path, owner, uid));
    }
    if ((mode & OTHERS) != 0) {
      throw new IOException(
          "%s: others than its owner may use %s (mode %04o); chmod 600 it"
              .formatted(key, path, mode & 07777));
    }
  }
}
