package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.posix.DirectoryEntries;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.SeekWhence;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Reads directories from a cookie on. A cookie is the kernel's own position after the entry ({@code
 * d_off}), which stays good while names come and go around it, plus 3: NFS keeps 0 to 2 for itself.
 * Safe for use by several threads.
 */
public final class DirectoryReader {
  private static final long FIRST_COOKIE = 3;
  private static final int BUFFER_BYTES = 1 << 15;

  private final Kernel kernel;
  private final Resolver resolver;

  DirectoryReader(Kernel kernel, Resolver resolver) {
    this.kernel = kernel;
    this.resolver = resolver;
  }

  /** Takes entries as they are found. */
  public interface Sink {
    /**
     * One entry.
     *
     * @param cookie to go on after it; unsigned
     * @param outcome NFS4_OK, or why there are no attributes (for {@code rdattr_error})
     * @param file null when not asked for, or when there are no attributes
     * @param status null like {@code file}; to be read at once, it is used again
     * @return false when there is no room: the entry is not taken and reading ends
     */
    boolean entry(long cookie, byte[] name, int outcome, VfsFile file, FileStatus status);

    /** There are no more; not called when {@link #entry} ended the reading. */
    void atEnd();
  }

  int read(VfsFile directory, int directoryFd, long cookie, boolean attributes, Sink sink) {
    if (cookie != 0) {
      if (cookie > 0 && cookie < FIRST_COOKIE) {
        return NFS4ERR_BAD_COOKIE;
      }
      long at = kernel.lseek(directoryFd, cookie - FIRST_COOKIE, SeekWhence.SET);
      if (at < 0) {
        return Errno.EINVAL.is(at) ? NFS4ERR_BAD_COOKIE : NfsErrors.of(at);
      }
    }
    FileStatus status = new FileStatus();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(BUFFER_BYTES, 8);
      DirectoryEntries entries = new DirectoryEntries(buffer);
      while (true) {
        int stored = kernel.getdents64(directoryFd, buffer);
        if (stored < 0) {
          return NfsErrors.of(stored);
        }
        if (stored == 0) {
          sink.atEnd();
          return NFS4_OK;
        }
        entries.reset(stored);
        while (entries.next()) {
          if (!entries.isDotOrDotDot()
              && !give(directory, directoryFd, entries, attributes, status, sink)) {
            return NFS4_OK;
          }
        }
      }
    }
  }

  private boolean give(
      VfsFile directory,
      int directoryFd,
      DirectoryEntries entries,
      boolean attributes,
      FileStatus status,
      Sink sink) {
    long cookie = entries.offset() + FIRST_COOKIE;
    byte[] name = entries.name();
    if (!attributes) {
      return sink.entry(cookie, name, NFS4_OK, null, null);
    }
    int fd = kernel.openat2(directoryFd, name, Export.NAME_ONLY, 0, Export.RESOLVE);
    if (fd < 0) {
      // Removed since: as if it had never been seen.
      return Errno.ENOENT.is(fd) || sink.entry(cookie, name, failure(fd), null, null);
    }
    try {
      int[] failure = new int[1];
      Optional<VfsFile> file = resolver.identify(directory.exportOrNull(), fd, status, failure);
      if (file.isEmpty()) {
        return sink.entry(cookie, name, failure(failure[0]), null, null);
      }
      resolver.seen(directory, name, file.get(), fd, false);
      return sink.entry(cookie, name, NFS4_OK, file.get(), status);
    } finally {
      kernel.close(fd);
    }
  }

  private static int failure(int result) {
    return Errno.EXDEV.is(result) ? NFS4ERR_ACCESS : NfsErrors.of(result);
  }
}
