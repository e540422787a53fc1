package io.selkie.server.vfs;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Descriptors (O_PATH) of directories lately used, for exports whose handles are resolved by name:
 * wherever another process moves such a directory, its descriptor goes along. Of directories only,
 * because a descriptor keeps a removed file's blocks from being freed. Safe for use by several
 * threads; the lock is held over a look-up of one name at most.
 */
final class DirectoryCache implements AutoCloseable {
  private final Kernel kernel;
  private final int capacity;
  private final Map<PathIndex.Inode, Integer> fds = new LinkedHashMap<>(64, 0.75f, true);

  DirectoryCache(Kernel kernel, int capacity) {
    this.kernel = kernel;
    this.capacity = capacity;
  }

  /** A descriptor of its own for a cached directory, or -ENOENT. */
  synchronized int open(PathIndex.Inode key) {
    Integer fd = fds.get(key);
    return fd == null
        ? Errno.ENOENT.result()
        : kernel.openat2(fd, Names.bytes("."), Export.NAME_ONLY, 0, Export.RESOLVE);
  }

  /** Remembers a directory; the descriptor stays the caller's. */
  synchronized void put(PathIndex.Inode key, int fd) {
    if (fds.containsKey(key)) {
      return;
    }
    int own = kernel.openat2(fd, Names.bytes("."), Export.NAME_ONLY, 0, Export.RESOLVE);
    if (own < 0) {
      return;
    }
    fds.put(key, own);
    if (fds.size() > capacity) {
      var eldest = fds.entrySet().iterator();
      kernel.close(eldest.next().getValue());
      eldest.remove();
    }
  }

  synchronized int size() {
    return fds.size();
  }

  synchronized void remove(PathIndex.Inode key) {
    Integer fd = fds.remove(key);
    if (fd != null) {
      kernel.close(fd);
    }
  }

  /** Forgets the directories of one export. */
  synchronized void removeExport(int exportId) {
    fds.entrySet()
        .removeIf(entry -> {
          boolean gone = entry.getKey().exportId() == exportId;
          if (gone) {
            kernel.close(entry.getValue());
          }
          return gone;
        });
  }

  @Override
  public synchronized void close() {
    fds.values().forEach(kernel::close);
    fds.clear();
  }
}
