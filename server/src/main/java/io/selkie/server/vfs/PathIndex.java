package io.selkie.server.vfs;

import io.selkie.posix.Kernel;
import io.selkie.posix.PosixException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where inodes were last seen: for finding files again by their handles where the kernel may not be
 * asked. A directory that is renamed changes its own entry only, so all below it moves along.
 *
 * <p>Bounded: the entry not used for longest goes first. An entry is a hint; whoever follows it
 * checks that the inode is really there. Kept in a file by {@link PathIndexLog}, or in memory only.
 * Safe for use by several threads; a write to the file happens under its lock.
 */
final class PathIndex implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PathIndex.class);

  /** An inode of an export. */
  record Inode(int exportId, long inode, long generation) {}

  /** A name in a directory. */
  static final class Place {
    private final Inode parent;
    private final byte[] name;

    Place(Inode parent, byte[] name) {
      this.parent = parent;
      this.name = name;
    }

    Inode parent() {
      return parent;
    }

    byte[] name() {
      return name;
    }

    boolean is(Inode otherParent, byte[] otherName) {
      return parent.equals(otherParent) && Arrays.equals(name, otherName);
    }
  }

  private final Object lock = new Object();
  private final Map<Inode, Place> places;
  private final PathIndexLog log;
  private boolean broken;

  private PathIndex(Map<Inode, Place> places, PathIndexLog log) {
    this.places = places;
    this.log = log;
  }

  /** Forgets everything with the process. */
  static PathIndex inMemory(int capacity) {
    return new PathIndex(bounded(capacity), null);
  }

  /**
   * Kept in a file, and read from it first.
   *
   * @param directoryFd the state directory, open for reading
   */
  static PathIndex open(Kernel kernel, int directoryFd, int capacity) throws PosixException {
    Map<Inode, Place> places = bounded(capacity);
    return new PathIndex(places, PathIndexLog.open(kernel, directoryFd, places));
  }

  private static Map<Inode, Place> bounded(int capacity) {
    return new LinkedHashMap<>(256, 0.75f, true) {
      @Override
      protected boolean removeEldestEntry(Map.Entry<Inode, Place> eldest) {
        return size() > capacity;
      }
    };
  }

  Optional<Place> find(Inode key) {
    synchronized (lock) {
      return Optional.ofNullable(places.get(key));
    }
  }

  /** Says where an inode is now. Cheap when that is known already. */
  void put(Inode key, Inode parent, byte[] name) {
    if (key.equals(parent)) {
      return;
    }
    synchronized (lock) {
      Place known = places.get(key);
      if (known == null || !known.is(parent, name)) {
        Place place = new Place(parent, name);
        places.put(key, place);
        append(key, place);
      }
    }
  }

  int size() {
    synchronized (lock) {
      return places.size();
    }
  }

  /** Writes everything to the disk. */
  @Override
  public void close() {
    synchronized (lock) {
      if (log != null) {
        log.close();
      }
    }
  }

  private void append(Inode key, Place place) {
    if (log == null || broken) {
      return;
    }
    try {
      log.append(key, place);
      if (log.records() > 2L * places.size() + PathIndexLog.SLACK_RECORDS) {
        log.rewrite(places);
      }
    } catch (PosixException e) {
      // Handles stay good until the server ends; only after that some will be stale.
      broken = true;
      LOG.error("filehandles given out from now on do not survive a restart: {}", e.getMessage());
    }
  }
}
