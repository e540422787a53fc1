package io.selkie.server;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How the descriptors that the process may have are shared by connections and open files.
 * Immutable.
 *
 * @param connections how many NFS connections there may be
 * @param files how many files may be open
 */
record Descriptors(int connections, int files) {

  private static final Logger LOG = LoggerFactory.getLogger(Descriptors.class);

  /** For all else: sockets of others, directories, libraries. */
  private static final int OTHER = 512;

  /** With less nothing works, so it is tried. */
  private static final int LEAST = 64;

  /**
   * Shares them: connections get half of them at most, so that there is something for files. What
   * is less than wanted is said in the log.
   *
   * @param limit how many the process may have ({@code ulimit -n})
   * @param connectionsWanted sessions.maxConnections
   * @param filesWanted files.maxOpenDescriptions
   */
  static Descriptors of(long limit, int connectionsWanted, int filesWanted) {
    long room = limit - OTHER;
    int connections = (int) Math.min(connectionsWanted, Math.max(LEAST, room / 2));
    int files = (int) Math.min(filesWanted, Math.max(LEAST, room - connections));
    if (connections < connectionsWanted) {
      LOG.warn(
          "the limit of {} descriptors (ulimit -n) leaves room for {} connections, not for the {}"
              + " of sessions.maxConnections; more are closed. Raise it to serve more",
          limit,
          connections,
          connectionsWanted);
    }
    if (files < filesWanted) {
      LOG.warn(
          "the limit of {} descriptors (ulimit -n) leaves room for {} open files, not for the {} of"
              + " files.maxOpenDescriptions; raise it to hold more",
          limit,
          files,
          filesWanted);
    }
    return new Descriptors(connections, files);
  }
}
