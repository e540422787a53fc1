package io.selkie.layout;

import io.selkie.lease.FileIdentity;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Which files each client has anything of: what it holds, what it asks for, and what is kept free
 * for it. So that a client's end concerns its files and no others, however many there are.
 *
 * <p>A request is entered under its file's lock before anything is done for it. A client that goes
 * is noted first and its files are read then: so each request is refused because its client is
 * gone, or its file is among those read.
 *
 * <p>A leaf: it has its own lock, calls nobody, and may be asked under a file's lock.
 */
final class ClientFiles {

  private static final int GONE_MAX = 4096;

  private final Map<Long, Map<FileIdentity, Integer>> files = new HashMap<>();

  /** Ids are not used again, so the oldest may be forgotten when nothing is under way for them. */
  private final Map<Long, Boolean> gone =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, Boolean> eldest) {
          return size() > GONE_MAX;
        }
      };

  /**
   * The client has one thing more of a file.
   *
   * @return false if it is gone and nothing was entered
   */
  synchronized boolean add(long clientId, FileIdentity file) {
    if (gone.containsKey(clientId)) {
      return false;
    }
    files.computeIfAbsent(clientId, _ -> new HashMap<>()).merge(file, 1, Integer::sum);
    return true;
  }

  /** The client has one thing less of a file. */
  synchronized void remove(long clientId, FileIdentity file) {
    Map<FileIdentity, Integer> own = files.get(clientId);
    Integer count = own == null ? null : own.get(file);
    if (count == null) {
      throw new IllegalStateException(
          "client " + clientId + " has less than nothing of file " + file);
    }
    if (count > 1) {
      own.put(file, count - 1);
    } else {
      own.remove(file);
      if (own.isEmpty()) {
        files.remove(clientId);
      }
    }
  }

  /** The files that a client has something of. */
  synchronized Set<FileIdentity> of(long clientId) {
    Map<FileIdentity, Integer> own = files.get(clientId);
    return own == null ? Set.of() : new HashSet<>(own.keySet());
  }

  /** Nothing is entered for the client from now on. */
  synchronized void clientGone(long clientId) {
    gone.put(clientId, true);
  }

  /** Clients that have something of any file. */
  synchronized int clientCount() {
    return files.size();
  }
}
