package io.selkie.server.admin;

import io.selkie.lease.FileIdentity;
import java.util.HashSet;
import java.util.Set;

/**
 * Names of files for people. Tells the export of a path for people, which begins with the export's
 * name. Names may have several levels and lie one in another: the longest one counts. Used by one
 * thread; what comes in a row from the same file costs nothing.
 */
final class ExportNames {

  private final Set<String> names;
  private String lastPath;
  private String lastExport = "";
  private String lastRest = "";
  private FileIdentity lastFile;
  private String lastFileText = "";

  ExportNames(Iterable<String> exports) {
    this.names = new HashSet<>();
    exports.forEach(names::add);
  }

  /** The export's name; empty when the path is of none that there is now. */
  String export(String path) {
    look(path);
    return lastExport;
  }

  /** The path below the export, with a slash in front. */
  String below(String path) {
    look(path);
    return lastRest;
  }

  /** {@code MAJOR:MINOR:INODE}. */
  String file(FileIdentity file) {
    if (!file.equals(lastFile)) {
      lastFile = file;
      lastFileText = file.text();
    }
    return lastFileText;
  }

  private void look(String path) {
    if (path.equals(lastPath)) {
      return;
    }
    lastPath = path;
    lastExport = "";
    lastRest = path;
    for (int end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      String candidate = path.substring(0, end);
      if (names.contains(candidate)) {
        lastExport = candidate;
        lastRest = path.substring(end);
        return;
      }
    }
  }
}
